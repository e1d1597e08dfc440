//! [`Orders`]: orders by way of a file, for an agent in a pod of its own.

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Order;

/// An order with its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NumberedOrder {
    /// From 1. An agent heeds one whose number is greater than that of the last one it heeded, also after a restart.
    pub n: u64,
    /// What.
    pub order: Order,
}

/// Orders to one agent, numbered in the order in which they are to be heeded: the text of the file that
/// [`Spec::orders`](crate::agent::spec::Spec::orders) names.
///
/// Who may write an annotation on the agent's pod gives orders so: a `downwardAPI` volume of the pod has the field
/// `metadata.annotations['KEY']` as a file, and the kubelet writes it anew some time after the annotation has changed, up
/// to a minute and a half by its defaults. Who may do that may delete the pod as well, so no token is asked for. The
/// answer to each is a [`Said::Order`](crate::agent::status::Said::Order) with its number on the agent's log; that to a
/// [`Replace`](Order::Replace), which takes a while, may come after those to later ones, and does not come from an agent
/// that is killed before it has done it at all items.
///
/// ```
/// use chaos_core::units::secs;
/// use chaos_k8s::agent::control::{Order, Orders};
///
/// let mut orders = Orders::default();
/// orders.push(Order::Extend(secs(60)));
/// assert_eq!(orders.to_text()?, r#"[{"n":1,"order":{"extend":"60s"}}]"#);      // the annotation's value
/// let n = orders.push(Order::Stop);
/// orders.forget(n - 1);                                       // the log has the answer
/// assert_eq!(orders.to_text()?, r#"[{"n":2,"order":"stop"}]"#);
/// assert_eq!(Orders::from_text(&orders.to_text()?)?, orders);
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Orders(Vec<NumberedOrder>);

/// An order that is read by itself, so that one of another version does not hide the others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Heard {
    n: u64,
    order: Value,
}

/// The number of an order, and the order, or why it is none.
type Numbered = (u64, Result<Order, String>);

impl Orders {
    /// The longest text, in bytes: what Kubernetes takes of annotations, all of an object's together.
    pub const LONGEST: usize = 256 << 10;

    /// One more, to be heeded after the others; its number.
    pub fn push(&mut self, order: Order) -> u64 {
        let n = self.0.last().map_or(1, |last| last.n + 1);
        self.0.push(NumberedOrder { n, order });
        n
    }

    /// Those up to this number are answered, and not in the text any more; but the last of all stays, from whose number
    /// it is counted on.
    pub fn forget(&mut self, n: u64) {
        let last = self.0.last().map_or(0, |last| last.n);
        self.0.retain(|order| order.n > n || order.n == last);
    }

    /// Those in it.
    pub fn iter(&self) -> impl Iterator<Item = &NumberedOrder> {
        self.0.iter()
    }

    /// The text of the file.
    ///
    /// # Errors
    /// More than [`LONGEST`](Self::LONGEST).
    pub fn to_text(&self) -> Result<String> {
        let text = serde_json::to_string(&self.0)
            .map_err(|source| Error::invalid("the orders cannot be written as JSON").with_source(source))?;
        match text.len() {
            0..=Self::LONGEST => Ok(text),
            length => Err(Error::invalid(format!(
                "the orders are {length} bytes, and an annotation takes {}: forget those that are answered",
                Self::LONGEST
            ))),
        }
    }

    /// What [`to_text`](Self::to_text) has written; none for an empty text.
    ///
    /// # Errors
    /// No such text, or an order that this version does not know.
    pub fn from_text(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let orders: Vec<NumberedOrder> = serde_json::from_str(text)
            .map_err(|source| Error::invalid("these are no orders of this version").with_source(source))?;
        if !orders.is_sorted_by(|one, next| one.n < next.n)
            || orders.first().is_some_and(|first| first.n == 0)
        {
            return Err(Error::invalid("the numbers of orders go up, from 1"));
        }
        Ok(Self(orders))
    }

    /// As an agent hears them: each by itself, in the order of their numbers.
    pub(in crate::agent) fn heard(text: &[u8]) -> Result<Vec<Numbered>, String> {
        if text.len() > Self::LONGEST {
            return Err(format!("the orders are more than {} bytes", Self::LONGEST));
        }
        if text.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        let mut heard: Vec<Heard> =
            serde_json::from_slice(text).map_err(|error| format!("these are no orders: {error}"))?;
        heard.sort_by_key(|heard| heard.n);
        let read = |order: Value| {
            serde_json::from_value(order).map_err(|error| format!("no order of this version: {error}"))
        };
        Ok(heard.into_iter().map(|Heard { n, order }| (n, read(order))).collect())
    }
}
