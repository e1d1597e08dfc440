//! [`Reply`]: the answer to an order, which every order gets: on the log, and over the socket that it came from.

use std::rc::Rc;

use chaos_core::units::duration::brief;
use tokio::sync::mpsc;

use crate::agent::control::{Answer, Order};
use crate::agent::status::{Said, Writer};

/// An answer that is still to be given. Dropped without one, it says that the end came first.
pub(super) struct Reply {
    n: Option<u64>,
    order: String,
    /// An order that changes nothing is answered to who asks, and otherwise not worth a line.
    is_said: bool,
    to: Option<mpsc::Sender<Answer>>,
    writer: Rc<Writer>,
    is_given: bool,
}

impl Reply {
    /// To one over the socket.
    pub(super) fn to(to: mpsc::Sender<Answer>, order: &Order, writer: &Rc<Writer>) -> Self {
        let mut reply = Self::on_the_log(None, order, writer);
        (reply.to, reply.is_said) = (Some(to), *order != Order::Status);
        reply
    }

    /// To the one of this number.
    pub(super) fn numbered(n: u64, order: &Order, writer: &Rc<Writer>) -> Self {
        Self::on_the_log(Some(n), order, writer)
    }

    fn on_the_log(n: Option<u64>, order: &Order, writer: &Rc<Writer>) -> Self {
        let order = match order {
            Order::Stop => "stop".to_owned(),
            Order::Status => "status".to_owned(),
            Order::Extend(lasting) => format!("extend {}", brief(*lasting)),
            Order::Replace { fault, .. } => format!("replace {fault:?}"),
        };
        Self { n, order, is_said: true, to: None, writer: Rc::clone(writer), is_given: false }
    }

    /// Gives it; where more answers go, if somebody waits for them.
    pub(super) fn give(mut self, answer: Answer) -> Option<mpsc::Sender<Answer>> {
        self.say(answer);
        self.to.take()
    }

    fn say(&mut self, answer: Answer) {
        self.is_given = true;
        let refused = match &answer {
            Answer::Refused(why) => Some(why.clone()),
            _ => None,
        };
        if self.is_said {
            self.writer.say(Said::Order { n: self.n, order: self.order.clone(), refused });
        }
        if let Some(to) = &self.to {
            // There is room for all answers to an order; who does not listen any more has given it all the same.
            let _ = to.try_send(answer);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.is_given {
            self.say(Answer::Refused("the end came first".to_owned()));
        }
    }
}
