use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

use super::*;
use crate::agent::ending::Ending;

const LONG: Duration = secs(20);

fn end() -> End {
    End { why: Ending::Order, code: 11, detail: String::new(), left: Vec::new() }
}

/// An agent that heeds everything, until it is told to stop.
fn agent(run: RunId, token: Token) -> std::thread::JoinHandle<Vec<String>> {
    let (ready, is_ready) = std::sync::mpsc::channel();
    let agent = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut asked = listen(run, token).unwrap();
            ready.send(()).unwrap();
            let mut heard = Vec::new();
            loop {
                match asked.recv().await.unwrap() {
                    Asked::Refused(why) => heard.push(why),
                    Asked::Order { order: Order::Stop, answers } => {
                        answers.send(Answer::Stopping).await.unwrap();
                        answers.send(Answer::Stopped(end())).await.unwrap();
                        answers.closed().await;
                        return heard;
                    }
                    Asked::Order { answers, .. } => {
                        let beat = Beat { left_ms: 1, in_force: 2 };
                        answers.send(Answer::Status(beat)).await.unwrap();
                    }
                }
            }
        })
    });
    is_ready.recv().unwrap();
    agent
}

#[test]
fn orders_are_taken_from_who_knows_the_token() {
    let (run, token) = (RunId::fresh(), Token::fresh());
    assert!(tell(run, &token, Order::Stop, LONG).unwrap_err().is_refused(), "nobody is there");
    let agent = agent(run, token.clone());
    let wrong = tell(run, &Token::fresh(), Order::Stop, LONG).unwrap();
    assert_eq!(wrong, Answer::Refused("wrong token".into()));
    let status = Answer::Status(Beat { left_ms: 1, in_force: 2 });
    assert_eq!(tell(run, &token, Order::Status, LONG).unwrap(), status);
    assert_eq!(tell(run, &token, Order::Extend(secs(3)), LONG).unwrap(), status);
    assert_eq!(tell(run, &token, Order::Stop, LONG).unwrap(), Answer::Stopped(end()));
    let heard = agent.join().unwrap();
    assert!(
        heard.len() == 1 && heard[0].ends_with("wrong token") && heard[0].starts_with("user "),
        "{heard:?}"
    );
}

#[test]
fn who_says_nothing_or_nonsense_holds_nobody_up() {
    let (run, token) = (RunId::fresh(), Token::fresh());
    let agent = agent(run, token.clone());
    let connect = || UnixStream::connect_addr(&address(run).unwrap()).unwrap();
    let silent: Vec<UnixStream> = (0..8).map(|_| connect()).collect();
    let answer_to = |bytes: &[u8]| {
        let mut stream = connect();
        stream.set_read_timeout(Some(LONG)).unwrap();
        // It may have heard enough before the end.
        let _ = stream.write_all(bytes);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    let written = |order: &str| format!("{{\"token\":\"{}\",\"order\":{order}}}\n", token.as_str());
    for nonsense in [
        "\n",
        "stop\n",
        "{}\n",
        &written("\"dance\""),
        &written("{\"extend\":5}"),
        &written("{\"replace\":{\"fault\":\"slow\"}}"),
        &"x".repeat(2 * LONGEST),
    ] {
        let answer = answer_to(nonsense.as_bytes());
        assert!(
            answer.contains("refused") || answer.is_empty() && nonsense.len() > LONGEST,
            "{nonsense}: {answer}"
        );
    }
    let begun = Instant::now();
    assert!(matches!(tell(run, &token, Order::Status, LONG).unwrap(), Answer::Status(_)));
    assert!(begun.elapsed() < LONG);
    drop(silent);
    assert!(matches!(tell(run, &token, Order::Stop, LONG).unwrap(), Answer::Stopped(_)));
    assert!(agent.join().unwrap().len() >= 5);
}

#[tokio::test]
async fn a_name_that_is_taken_is_seen() {
    let (run, token) = (RunId::fresh(), Token::fresh());
    let first = listen(run, token.clone()).unwrap();
    assert!(listen(run, token.clone()).unwrap_err().is_refused());
    drop(first);
    // The name is free when the listener's task has seen that nobody hears it.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
        if listen(run, token.clone()).is_ok() {
            return;
        }
    }
    panic!("the name stays taken");
}

#[test]
fn who_tells_is_not_held_up_by_an_agent_that_does_not_answer() {
    let (run, token) = (RunId::fresh(), Token::fresh());
    let agent = UnixListener::bind_addr(&address(run).unwrap()).unwrap();
    let tells = |patience| {
        let begun = Instant::now();
        let error = tell(run, &token, Order::Status, patience).unwrap_err();
        assert!(error.is_timeout() && begun.elapsed() >= patience, "{error} after {:?}", begun.elapsed());
        assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    };
    // It says something all the time, and never enough.
    let drips = std::thread::spawn({
        let agent = agent.try_clone().unwrap();
        move || {
            let (mut stream, _) = agent.accept().unwrap();
            let mut lines = 0;
            while stream.write_all(b"\"stopping\"\n").is_ok() {
                lines += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            lines
        }
    });
    tells(Duration::from_millis(300));
    assert!(drips.join().unwrap() > 2);
    // It is stopped: first its queue fills.
    let connect = || {
        let socket = rustix::net::socket_with(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::STREAM,
            rustix::net::SocketFlags::NONBLOCK,
            None,
        )?;
        let name = rustix::net::SocketAddrUnix::new_abstract_name(name(run).as_bytes())?;
        rustix::net::connect(&socket, &name).map(|()| socket)
    };
    tells(Duration::from_millis(300));
    let queue: Vec<_> = std::iter::from_fn(|| connect().ok()).collect();
    tells(Duration::from_millis(300));
    println!("a queue of {} connections", queue.len());
}

#[test]
fn orders_are_numbered_and_forgotten() {
    let mut orders = Orders::default();
    assert_eq!(Orders::from_text("").unwrap(), orders);
    let delay = crate::node::net::delay(secs(1)).to(crate::node::net::Flow::all());
    let replace = Order::Replace { fault: "slow".into(), with: delay.into() };
    for (nth, order) in [Order::Extend(secs(9)), replace.clone(), Order::Stop].into_iter().enumerate() {
        assert_eq!(orders.push(order.clone()), nth as u64 + 1);
        assert_eq!(Order::decode(&order.encode().unwrap()).unwrap(), order);
    }
    let text = orders.to_text().unwrap();
    assert_eq!(Orders::from_text(&text).unwrap(), orders);
    let heard = Orders::heard(text.as_bytes()).unwrap();
    let heard: Vec<_> = heard.into_iter().map(|(n, order)| (n, order.unwrap())).collect();
    assert_eq!(heard, [(1, Order::Extend(secs(9))), (2, replace), (3, Order::Stop)]);
    orders.forget(7);
    let left: Vec<_> = orders.iter().map(|order| (order.n, order.order.clone())).collect();
    assert_eq!(left, [(3, Order::Stop)], "from it is counted on");
    assert_eq!(orders.push(Order::Status), 4);
    for wrong in
        ["{}", "[1]", r#"[{"n":0,"order":"stop"}]"#, r#"[{"n":2,"order":"stop"},{"n":2,"order":"stop"}]"#]
    {
        assert!(Orders::from_text(wrong).unwrap_err().is_invalid(), "{wrong}");
    }
    let long = Order::Replace {
        fault: "x".repeat(Orders::LONGEST / 2),
        with: crate::node::net::drop().between(crate::node::net::Flow::all()).into(),
    };
    assert!(long.encode().unwrap_err().to_string().contains("fewer addresses"));
    orders.push(long.clone());
    assert!(orders.to_text().is_ok());
    orders.push(long);
    assert!(orders.to_text().unwrap_err().to_string().contains("forget"));
    // The kernel's limit is of the name, the value and what is between and behind.
    assert_eq!(Order::VARIABLE.len() + 1 + Order::LONGEST + 1, 131_072);
    for (wrong, said) in [("$", "no base64"), ("e30=", "no order")] {
        assert!(Order::decode(wrong).unwrap_err().to_string().contains(said), "{wrong}");
    }
}
