//! Faults at run time: an axum server whose own admin route arms rules from JSON and takes them back.
//!
//! The example is its own client, so it runs to its end: `cargo run --example admin_route`. In a real service the route
//! stands behind the service's own authorisation, and nothing is on until somebody puts rules there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, response::IntoResponse};
use bytes::Bytes;
use chaos_core::rules::{ArmedRule, RuleSet};
use chaos_core::{Chaos, Result};
use chaos_net::ChaosLayer;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

#[derive(Clone)]
struct Admin {
    chaos: Chaos,
    armed: Arc<Mutex<Vec<ArmedRule>>>,
}

impl Admin {
    fn put(&self, rules: &str) -> Result<String> {
        let armed = self.chaos.arm_rules(&RuleSet::from_json(rules)?)?;
        let said =
            armed.iter().map(|rule| format!("armed {:?} at {:?}\n", rule.label(), rule.point())).collect();
        // What was armed before goes with its guards.
        *self.lock() = armed;
        Ok(said)
    }

    fn stats(&self) -> String {
        self.lock().iter().map(|rule| format!("{}\n", rule.stats())).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<ArmedRule>> {
        self.armed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn app(chaos: &Chaos) -> Result<Router> {
    let admin = Admin { chaos: chaos.clone(), armed: Arc::default() };
    let put = |State(admin): State<Admin>, rules: String| async move {
        match admin.put(&rules) {
            Ok(said) => (StatusCode::OK, said),
            Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
    };
    let stats = |State(admin): State<Admin>| async move { admin.stats() };
    let revert = |State(admin): State<Admin>| async move {
        admin.lock().clear();
        "reverted\n".into_response()
    };
    Ok(Router::new()
        .route("/charge", post(|| async { "charged\n" }))
        .layer(ChaosLayer::http(chaos.point("server")?))
        // Below the layer: the way back is never under a fault.
        .route("/admin/faults", get(stats).put(put).delete(revert))
        .with_state(admin))
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    let app = app(&Chaos::seeded(7))?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    ask(server, Method::POST, "/charge", "").await?;
    let typo = r#"{"version": 1, "rules": [{"point": "server", "probability": 30, "delay": "50ms"}]}"#;
    ask(server, Method::PUT, "/admin/faults", typo).await?;
    let rules = r#"{"version": 1, "rules": [
        {"point": "server", "name": "slow", "when": {"path": "/charge"}, "delay": {"normal": {"mean": "50ms", "sd": "10ms"}}},
        {"point": "server", "name": "busy", "when": {"path": "/charge"}, "every": 2, "budget": 2, "effect": {"status": {"code": 503, "body": "busy\n"}}}
    ]}"#;
    ask(server, Method::PUT, "/admin/faults", rules).await?;
    for _ in 0..6 {
        ask(server, Method::POST, "/charge", "").await?;
    }
    ask(server, Method::GET, "/admin/faults", "").await?;
    ask(server, Method::DELETE, "/admin/faults", "").await?;
    ask(server, Method::POST, "/charge", "").await?;
    Ok(())
}

/// Asks and prints the answer.
async fn ask(
    server: SocketAddr,
    method: Method,
    path: &str,
    body: &'static str,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::builder().method(&method).uri(format!("http://{server}{path}"));
    let begun = std::time::Instant::now();
    let answer = client.request(request.body(Full::from(body))?).await?;
    let (status, took) = (answer.status(), begun.elapsed().as_millis());
    let text = String::from_utf8_lossy(&answer.into_body().collect().await?.to_bytes()).into_owned();
    println!("{method} {path} -> {} in {took} ms", status.as_u16());
    text.lines().for_each(|line| println!("    {line}"));
    Ok(())
}
