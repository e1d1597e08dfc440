use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
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
    for nonsense in
        ["\n", "stop\n", "{}\n", &written("\"dance\""), &written("{\"extend\":5}"), &"x".repeat(9000)]
    {
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
