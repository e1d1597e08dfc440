//! What the faults take for granted about an API server: the same on the one in memory and on a real one.

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::Dice;
use chaos_k8s::cluster::LabelSelector;
use serde_json::{Value, json};

use crate::scene::{deployment, node, paused, pod};
use crate::server::{Answer, MERGE, OPERATIONS, Server, really};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("facts_lists", &[], || paused(async { lists(Server::fake().await).await })),
    ("facts_labels", &[], || paused(async { labels(Server::fake().await).await })),
    ("facts_fields", &[], || paused(async { fields(Server::fake().await).await })),
    ("facts_writes", &[], || paused(async { writes(Server::fake().await).await })),
    ("facts_patches", &[], || paused(async { patches(Server::fake().await).await })),
    ("facts_deletes", &[], || paused(async { deletes(Server::fake().await).await })),
    ("facts_evictions", &[], || paused(async { evictions(Server::fake().await).await })),
    ("facts_scale", &[], || paused(async { scale(Server::fake().await).await })),
    ("facts_nodes", &[], || paused(async { nodes(Server::fake().await).await })),
    ("real_facts_lists", &[Need::Api], || really(async { lists(Server::real().await).await })),
    ("real_facts_labels", &[Need::Api], || really(async { labels(Server::real().await).await })),
    ("real_facts_fields", &[Need::Api], || really(async { fields(Server::real().await).await })),
    ("real_facts_writes", &[Need::Api], || really(async { writes(Server::real().await).await })),
    ("real_facts_patches", &[Need::Api], || really(async { patches(Server::real().await).await })),
    ("real_facts_deletes", &[Need::Api], || really(async { deletes(Server::real().await).await })),
    ("real_facts_evictions", &[Need::Api], || really(async { evictions(Server::real().await).await })),
    ("real_facts_scale", &[Need::Api], || really(async { scale(Server::real().await).await })),
    ("real_facts_nodes", &[Need::Api], || really(async { nodes(Server::real().await).await })),
];

fn refused(answer: &Answer, code: u16, reason: &str) {
    let (got, body) = answer;
    assert_eq!(
        (*got, body["kind"].as_str(), body["reason"].as_str()),
        (code, Some("Status"), Some(reason)),
        "{body}"
    );
    assert_eq!(body["code"], code);
}

fn pods(server: &Server) -> String {
    format!("/api/v1/namespaces/{}/pods", server.namespace)
}

fn items(list: &Value) -> BTreeSet<String> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

async fn lists(server: Server) {
    for n in 0..7 {
        server.create(pod(&server.namespace, &format!("p{n}"), "cart")).await;
    }
    let path = pods(&server);
    let (mut seen, mut pages, mut query) = (BTreeSet::new(), 0, "?limit=3".to_owned());
    loop {
        let (code, page) = server.ask(&format!("{path}{query}")).await;
        assert_eq!(code, 200, "{page}");
        seen.extend(items(&page));
        pages += 1;
        let Some(token) = page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()) else {
            break;
        };
        query = format!(
            "?limit=3&continue={}",
            form_urlencoded::byte_serialize(token.as_bytes()).collect::<String>()
        );
    }
    assert_eq!((seen.len(), pages), (7, 3));
    let (_, all) = server.ask(&format!("{path}?labelSelector=app%3Dnone&limit=500")).await;
    assert_eq!(items(&all).len(), 0);
    // Metadata alone, where it is asked for; null, where there is none.
    for (labels, expected) in [("app", 7), ("app%3Dnone", 0)] {
        let request = http::Request::get(format!("{path}?limit=500&labelSelector={labels}"))
            .header("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
        let response = server.client.send(request.body(Vec::new().into()).unwrap()).await.unwrap();
        let list: Value =
            serde_json::from_slice(&response.into_body().collect_bytes().await.unwrap()).unwrap();
        assert_eq!(list["kind"], "PartialObjectMetadataList");
        let Some(items) = list["items"].as_array() else {
            assert_eq!((&list["items"], expected), (&Value::Null, 0));
            continue;
        };
        assert_eq!(items.len(), expected);
        let meta = &items[0]["metadata"];
        assert!(items[0].get("spec").is_none() && meta["uid"].is_string() && meta["labels"]["app"] == "cart");
    }
    refused(&server.ask(&format!("{path}/none")).await, 404, "NotFound");
    assert_eq!(server.ask("/api/v1/nothings").await.0, 404);
}

/// What is read here as a selector is what the server reads, and selects the same.
async fn labels(server: Server) {
    let path = pods(&server);
    let values = ["a", "b", "3", "", "in", "A.b_c-d"];
    let mut kept: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (n, value) in values.iter().enumerate() {
        for (m, other) in [None, Some("a"), Some("7")].into_iter().enumerate() {
            let mut labels = BTreeMap::from([("k".to_owned(), (*value).to_owned())]);
            if let Some(other) = other {
                labels.insert("example.org/k".to_owned(), other.to_owned());
            }
            let mut object = pod(&server.namespace, &format!("p{n}-{m}"), "x");
            object["metadata"]["labels"] = json!(labels);
            server.create(object).await;
            kept.insert(format!("p{n}-{m}"), labels);
        }
    }
    let dice = Dice::seeded(11).stream(&["labels"]);
    let keys = ["k", "example.org/k", "missing", "in", "a b", "-k", "K/", "k="];
    let mut texts: Vec<String> = [
        "k",
        "!k",
        "k=",
        "k==a",
        "k in ()",
        "k in (a,,b)",
        "k notin (a)",
        "k>2",
        "k<4",
        "k > 2 , k",
        "k=a,",
        ",k",
        "k in a",
    ]
    .map(str::to_owned)
    .into();
    for n in 0..120_u64 {
        let pick = |lane: u64, of: &[&str]| {
            of[usize::try_from(dice.lane(lane).draw(n) % of.len() as u64).unwrap()].to_owned()
        };
        let value = pick(2, &["a", "b", "3", "", "in", "-x", "a/b", "(a", "a,b"]);
        let term = match dice.draw(n) % 8 {
            0 => format!("{} in ({value})", pick(1, &keys)),
            1 => format!("{} notin ({value}, {})", pick(1, &keys), pick(3, &["a", "7"])),
            2 => format!("!{}", pick(1, &keys)),
            3 => pick(1, &keys),
            4 => format!("{}!={value}", pick(1, &keys)),
            5 => format!("{}>{value}", pick(1, &keys)),
            6 => format!("{} = {value}", pick(1, &keys)),
            _ => format!("{}{}{value}", pick(1, &keys), pick(4, &["=", "==", "<", "=!", "~", " "])),
        };
        texts.push(if n % 3 == 0 {
            format!("{term},{}", pick(5, &["k", "!missing", "k in (a,3)"]))
        } else {
            term
        });
    }
    let mut valid = 0;
    for text in texts {
        let query: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let (code, list) = server.ask(&format!("{path}?labelSelector={query}")).await;
        match text.parse::<LabelSelector>() {
            Ok(selector) => {
                assert_eq!(code, 200, "{text:?}: {list}");
                let ours: BTreeSet<String> = kept
                    .iter()
                    .filter(|(_, labels)| selector.matches(labels))
                    .map(|(name, _)| name.clone())
                    .collect();
                assert_eq!(items(&list), ours, "{text:?}");
                valid += 1;
            }
            Err(error) => assert_eq!(code, 400, "{text:?}: we say {error}, the server {list}"),
        }
    }
    assert!(valid > 50, "{valid} of them are selectors");
}

async fn fields(server: Server) {
    server.create(pod(&server.namespace, "p0", "cart")).await;
    let path = pods(&server);
    for (selector, expected) in [
        ("metadata.name=p0", 1),
        ("metadata.name!=p0", 0),
        ("spec.nodeName=n1,status.phase=Running", 1),
        ("spec.nodeName=n2", 0),
        ("status.phase!=Pending", 1),
        ("spec.hostNetwork=false", 1),
        ("spec.schedulerName=x", 0),
        ("spec.serviceAccountName=x", 0),
        ("spec.restartPolicy=Never", 0),
        ("status.nominatedNodeName=x", 0),
        ("status.podIP=10.0.0.1", 1),
    ] {
        let (code, list) =
            server.ask(&format!("{path}?fieldSelector={}", selector.replace('=', "%3D"))).await;
        assert_eq!((code, items(&list).len()), (200, expected), "{selector}: {list}");
        assert!(selector.parse::<chaos_k8s::cluster::FieldSelector>().is_ok());
    }
    refused(&server.ask(&format!("{path}?fieldSelector=spec.image%3Dx")).await, 400, "BadRequest");
}

async fn writes(server: Server) {
    let path = pods(&server);
    let object = pod(&server.namespace, "p0", "cart");
    server.create(object.clone()).await;
    refused(&server.post(&path, &object).await, 409, "AlreadyExists");
    let path = format!("{path}/p0");
    let (_, first) = server.ask(&path).await;
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    let label = |version: &Value| json!({"metadata": {"resourceVersion": version, "labels": {"a": "1"}}});
    let (code, second) = server.patch(&path, MERGE, &label(&version(&first))).await;
    assert_eq!((code, version(&second) == version(&first)), (200, false));
    // An old version is a conflict; what changes nothing makes no version.
    refused(&server.patch(&path, MERGE, &label(&version(&first))).await, 409, "Conflict");
    let (code, third) = server.patch(&path, MERGE, &label(&version(&second))).await;
    assert_eq!((code, version(&third)), (200, version(&second)));
    let stranger = json!({"metadata": {"uid": "00000000-0000-4000-8000-00000000dead", "labels": {"a": "2"}}});
    refused(&server.patch(&path, MERGE, &stranger).await, 422, "Invalid");
    // What was made anew has another version as well, and that is looked at first.
    let mut stale = stranger;
    stale["metadata"]["resourceVersion"] = version(&first);
    refused(&server.patch(&path, MERGE, &stale).await, 409, "Conflict");
    // Empty maps are not kept, so what was put there and taken away leaves nothing.
    let (_, with) = server.patch(&path, MERGE, &json!({"metadata": {"annotations": {"x": "1"}}})).await;
    assert_eq!(with["metadata"]["annotations"], json!({"x": "1"}));
    let (_, without) = server.patch(&path, MERGE, &json!({"metadata": {"annotations": {"x": null}}})).await;
    assert!(without["metadata"].get("annotations").is_none(), "{without}");
    refused(&server.patch(&path.replace("p0", "p1"), MERGE, &json!({})).await, 404, "NotFound");
}

async fn patches(server: Server) {
    let path = format!("{}/p0", pods(&server));
    server.create(pod(&server.namespace, "p0", "cart")).await;
    let (_, now) = server.ask(&path).await;
    let mut containers = now["spec"]["containers"].clone();
    containers[1]["image"] = json!("chaos-sdk.invalid/failed:1");
    let (code, patched) = server.patch(&path, MERGE, &json!({"spec": {"containers": containers}})).await;
    assert_eq!((code, &patched["spec"]["containers"]), (200, &containers), "{patched}");
    assert_eq!(containers[0]["env"][0]["value"], "$(B)");
    // Nothing but images may change, and the containers keep their order.
    containers.as_array_mut().unwrap().swap(0, 1);
    refused(&server.patch(&path, MERGE, &json!({"spec": {"containers": containers}})).await, 422, "Invalid");
    refused(&server.patch(&path, MERGE, &json!({"spec": {"nodeName": "n2"}})).await, 422, "Invalid");
    let test = |value: &str| {
        json!([
            {"op": "test", "path": "/metadata/labels/app", "value": value},
            {"op": "replace", "path": "/metadata/labels/app", "value": "other"},
        ])
    };
    refused(&server.patch(&path, OPERATIONS, &test("none")).await, 422, "Invalid");
    let (code, patched) = server.patch(&path, OPERATIONS, &test("cart")).await;
    assert_eq!((code, &patched["metadata"]["labels"]["app"]), (200, &json!("other")));
}

async fn deletes(server: Server) {
    let path = format!("{}/p0", pods(&server));
    let made = server.create(pod(&server.namespace, "p0", "cart")).await;
    let only = |field: &str, value: &Value| json!({"preconditions": {field: value}});
    let stranger = json!("00000000-0000-4000-8000-00000000dead");
    refused(&server.delete(&path, &only("uid", &stranger)).await, 409, "Conflict");
    refused(&server.delete(&path, &only("resourceVersion", &json!("1"))).await, 409, "Conflict");
    let mut options = only("uid", &made["metadata"]["uid"]);
    options["gracePeriodSeconds"] = json!(25);
    let (code, _) = server.delete(&path, &options).await;
    let (_, going) = server.ask(&path).await;
    assert_eq!((code, &going["metadata"]["deletionGracePeriodSeconds"]), (200, &json!(25)), "{going}");
    assert!(going["metadata"]["deletionTimestamp"].is_string());
    options["gracePeriodSeconds"] = json!(0);
    assert_eq!(server.delete(&path, &options).await.0, 200);
    refused(&server.ask(&path).await, 404, "NotFound");
    refused(&server.delete(&path, &json!({})).await, 404, "NotFound");
}

async fn evictions(server: Server) {
    let made = server.create(pod(&server.namespace, "p0", "cart")).await;
    let path = format!("{}/p0/eviction", pods(&server));
    let eviction = |uid: &Value| {
        json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": "p0", "namespace": server.namespace},
            "deleteOptions": {"preconditions": {"uid": uid}, "gracePeriodSeconds": 0},
        })
    };
    refused(&server.post(&path, &eviction(&json!("another"))).await, 409, "Conflict");
    // In a real cluster its controller writes the status; the one in memory counts when it is asked.
    server
        .create(json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": "carts", "namespace": server.namespace},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "cart"}}},
            "status": {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1},
        }))
        .await;
    let kept = server.post(&path, &eviction(&made["metadata"]["uid"])).await;
    refused(&kept, 429, "TooManyRequests");
    let cause = &kept.1["details"]["causes"][0];
    assert_eq!(cause["reason"], "DisruptionBudget");
    assert!(
        cause["message"].as_str().unwrap().contains("carts needs 1 healthy pods and has 1 currently"),
        "{cause}"
    );
    let budget = format!("/apis/policy/v1/namespaces/{}/poddisruptionbudgets/carts", server.namespace);
    assert_eq!(server.delete(&budget, &json!({})).await.0, 200);
    let (code, done) = server.post(&path, &eviction(&made["metadata"]["uid"])).await;
    assert_eq!(code, 201, "{done}");
    refused(&server.ask(&path.replace("/eviction", "")).await, 404, "NotFound");
}

async fn scale(server: Server) {
    let mut cart = deployment(&server.namespace, "cart", 3);
    cart["spec"]["template"] = json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "web", "image": "shop/web:1"}]}});
    let made = server.create(cart).await;
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/cart", server.namespace);
    let (code, scale) = server.ask(&format!("{path}/scale")).await;
    assert_eq!(
        (code, &scale["kind"], &scale["spec"]["replicas"]),
        (200, &json!("Scale"), &json!(3)),
        "{scale}"
    );
    assert_eq!(scale["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
    let patch = |version: &Value, replicas: i32| json!({"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}});
    let version = &made["metadata"]["resourceVersion"];
    let (code, scaled) = server.patch(&format!("{path}/scale"), MERGE, &patch(version, 0)).await;
    assert_eq!(
        (code, scaled["spec"].get("replicas").and_then(Value::as_u64).unwrap_or(0)),
        (200, 0),
        "{scaled}"
    );
    let (_, now) = server.ask(&path).await;
    assert_eq!(now["spec"]["replicas"], 0);
    assert_eq!(now["metadata"]["resourceVersion"], scaled["metadata"]["resourceVersion"]);
    refused(&server.patch(&format!("{path}/scale"), MERGE, &patch(version, 5)).await, 409, "Conflict");
    refused(
        &server.patch(&format!("{path}/scale"), MERGE, &json!({"spec": {"replicas": -1}})).await,
        422,
        "Invalid",
    );
}

async fn nodes(server: Server) {
    let name = server.name("node");
    let made = server.create(node(&name)).await;
    let path = format!("/api/v1/nodes/{name}");
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    // Merged, lists are replaced whole; and null takes a field away.
    let taints = json!([{"key": "chaos-sdk.dev/fault", "effect": "NoSchedule"}]);
    let patch = json!({"metadata": {"resourceVersion": version(&made)}, "spec": {"unschedulable": true, "taints": taints}});
    let (code, now) = server.patch(&path, MERGE, &patch).await;
    assert_eq!(code, 200, "{now}");
    assert_eq!((&now["spec"]["unschedulable"], &now["spec"]["taints"]), (&json!(true), &taints));
    let (_, now) =
        server.patch(&path, MERGE, &json!({"spec": {"unschedulable": null, "taints": null}})).await;
    assert!(now["spec"].get("unschedulable").is_none() && now["spec"].get("taints").is_none(), "{now}");
    refused(
        &server.delete(&path, &json!({"preconditions": {"resourceVersion": version(&made)}})).await,
        409,
        "Conflict",
    );
    let options = json!({"preconditions": {"resourceVersion": version(&now), "uid": now["metadata"]["uid"]}});
    assert_eq!(server.delete(&path, &options).await.0, 200);
    let again = server.create(node(&name)).await;
    assert_ne!(again["metadata"]["uid"], made["metadata"]["uid"]);
    assert_eq!(server.delete(&path, &json!({})).await.0, 200);
}
