//! Rules from data: a file, an admin route. Feature `rules`.
//!
//! A [`RuleSet`] is read and checked as a whole, and armed as a whole by
//! [`Chaos::arm_rules`](crate::Chaos::arm_rules): a rule with a mistake leaves every point as it was.
//!
//! ```json
//! {"version": 1, "rules": [
//!   {"point": "orders", "name": "slow", "probability": 0.3, "window": "5s..30s", "delay": "50ms"},
//!   {"point": "orders", "every": 5, "budget": 12, "at_once": 2, "effect": {"error": "disk full"}}
//! ]}
//! ```
//!
//! | field | meaning |
//! |---|---|
//! | `point` | the point's name; it must exist |
//! | `name` | the rule's name, for reports and for the dice; optional |
//! | `when` | a matcher, in the words of the point's operation; every operation without it |
//! | `probability` | 0 to 1 |
//! | `nth`, `first`, `every` | at most one of them: `"2..10+2"` ([`Ordinals`](crate::occurrence::Ordinals)), a count, a count |
//! | `budget` | most hits in all |
//! | `at_once` | most operations under the rule at the same time |
//! | `window` | a stretch of time since the rule was armed: `"5s..30s"`, `"5s.."`, `"..30s"` |
//! | `delay`, `delay_after`, `effect` | exactly one of them; the effect in the words of the point's operation |
//! | `finish_delays` | a revert lets operations finish their delay; false unless said |
//!
//! An admin route holds what it armed; replacing the value takes back what was armed before:
//!
//! ```
//! use std::sync::Mutex;
//! use chaos_core::{Chaos, Result, point::Step, rules::{ArmedRule, RuleSet}};
//!
//! struct Commit { table: &'static str }
//! impl Step for Commit {
//!     const NAME: &'static str = "commit";
//!     type Error = String;
//!     fn error_named(text: &str) -> Option<String> { Some(text.to_owned()) }
//! }
//!
//! struct Admin { chaos: Chaos, armed: Mutex<Vec<ArmedRule>> }
//!
//! impl Admin {
//!     /// `PUT /chaos/rules`, behind the service's own authorisation.
//!     fn put_rules(&self, body: &str) -> Result<usize> {
//!         let armed = self.chaos.arm_rules(&RuleSet::from_json(body)?)?;
//!         let count = armed.len();
//!         *self.armed.lock().unwrap() = armed;
//!         Ok(count)
//!     }
//! }
//!
//! let chaos = Chaos::seeded(7);
//! let orders = chaos.point::<Commit>("orders")?;
//! let admin = Admin { chaos, armed: Mutex::default() };
//!
//! let rules = r#"{"version": 1, "rules": [{"point": "orders", "every": 2, "effect": {"error": "disk full"}}]}"#;
//! assert_eq!(admin.put_rules(rules)?, 1);
//! let passed = [(); 4].map(|()| orders.pass_blocking(&Commit { table: "orders" }).is_ok());
//! assert_eq!(passed, [true, false, true, false]);
//!
//! let wrong = r#"{"version": 1, "rules": [{"point": "orders", "probability": 30, "delay": "5ms"}]}"#;
//! let err = admin.put_rules(wrong).unwrap_err();
//! assert!(err.to_string().starts_with("rules[0].probability: probability 30 is not in 0..=1"));
//! # Ok::<(), chaos_core::Error>(())
//! ```

mod arm;
mod entry;
mod set;
#[cfg(test)]
mod tests;

pub use arm::ArmedRule;
pub use set::RuleSet;

pub(crate) use arm::ReadyRule;
pub(crate) use entry::Entry;
