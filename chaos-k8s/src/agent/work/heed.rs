//! Heeding an order, whichever way it came.

use super::hold::{Agent, Why};
use super::replace::Replacement;
use super::reply::Reply;
use crate::agent::control::{Answer, Order};
use crate::agent::status::Ending;

impl Agent {
    /// Does it and answers; why the agent ends, if it does for this.
    pub(super) async fn heed(&self, order: Order, reply: Reply) -> Option<Why> {
        match order {
            Order::Stop => {
                let answers = reply.give(Answer::Stopping);
                return Some(Why { ending: Ending::Order, answers });
            }
            Order::Status => drop(reply.give(Answer::Status(self.beat()))),
            Order::Extend(lasting) => {
                let done = self.extend(lasting).await;
                reply.give(done.map_or_else(Answer::Refused, |()| Answer::Status(self.beat())));
            }
            Order::Replace { fault, with } => match self.accept(&fault, &with) {
                Ok(()) => {
                    // Its receiver lives as long as this is asked; dropped, it is answered.
                    let _ = self.replacing.send(Replacement { fault, with, reply });
                }
                Err(error) => drop(reply.give(Answer::Refused(error.chain()))),
            },
        }
        None
    }

    /// Heeds the order of this number, unless it or a later one was heeded before: by an agent that was killed, even.
    pub(super) async fn heed_once(&self, n: u64, order: Result<Order, String>) -> Option<Why> {
        if n <= self.kept.borrow().heeded() {
            return None;
        }
        // Written with what the order changes, if it changes anything; one to stop is heeded again until it is done.
        self.kept.borrow_mut().heeding(n);
        let why = match order {
            Ok(order) => {
                let reply = Reply::numbered(n, &order, &self.writer);
                self.heed(order, reply).await
            }
            Err(why) => {
                self.refuse(Some(n), why);
                None
            }
        };
        if why.is_none() {
            if let Err(error) = self.kept.borrow().write() {
                tracing::warn!(target: "chaos", error = %error.chain(), "the number of the last order is not noted");
            }
        }
        why
    }
}
