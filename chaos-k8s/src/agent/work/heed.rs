//! Heeding an order of who knows the token.

use std::time::Duration;

use chaos_core::units::duration::brief;
use tokio::sync::mpsc;

use super::hold::{Agent, Why};
use super::kept::monotonic;
use crate::agent::control::{Answer, Order};
use crate::agent::status::{Ending, Said};

impl Agent {
    /// Does it and answers; why the agent ends, if it does for this.
    pub(super) async fn heed(&self, order: Order, answers: mpsc::Sender<Answer>) -> Option<Why> {
        let (text, answer) = match order {
            Order::Stop => ("stop".to_owned(), Answer::Stopping),
            Order::Status => ("status".to_owned(), Answer::Status(self.beat())),
            Order::Extend(lasting) => {
                let done = self.extend(lasting).await;
                let answer = done.map_or_else(Answer::Refused, |()| Answer::Status(self.beat()));
                (format!("extend {}", brief(lasting)), answer)
            }
        };
        let refused = match &answer {
            Answer::Refused(why) => Some(why.clone()),
            _ => None,
        };
        if order != Order::Status {
            self.writer.say(Said::Order { order: text, refused });
        }
        // There is room for all answers to an order; who does not listen any more has given it all the same.
        let _ = answers.try_send(answer);
        (order == Order::Stop).then_some(Why { ending: Ending::Order, answers: Some(answers) })
    }

    async fn extend(&self, lasting: Duration) -> Result<(), String> {
        {
            let mut kept = self.kept.borrow_mut();
            let now = monotonic().map_err(|error| error.chain())?;
            let (until, most) = (now.saturating_add(lasting), kept.begun() + self.spec.longest());
            if until > most {
                return Err(format!("the spec allows {} more", brief(most.saturating_sub(now))));
            }
            kept.extend(until).map_err(|error| error.chain())?;
        }
        self.is_told.set(true);
        let mut ended = Vec::new();
        for (number, injection) in self.slots.held() {
            if let Err(error) = injection.extend(self.left()).await {
                ended.push(format!("item {number}: {}", error.chain()));
            }
        }
        match ended.is_empty() {
            true => Ok(()),
            // The rest goes on.
            false => Err(format!("it lasts so long, but not {}", ended.join("; "))),
        }
    }
}
