//! [`Matcher`]: which operations a rule is about; combines with `and`, `or` and `!`.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

use super::operation::Operation;
use crate::sync::Arc;

/// A test of operations. A trait of its own and not `Fn(Op::View<'_>)`: with a projection in the types of points and
/// rules, no task that holds one could be spawned if the operation's own types have lifetimes, `Box<dyn Error>` among
/// them (the compiler proves `Send` of a task with every lifetime forgotten).
trait Test<Op: Operation>: Send + Sync {
    fn test(&self, operation: Op::View<'_>) -> bool;
}

impl<Op, F> Test<Op> for F
where
    Op: Operation,
    F: for<'a> Fn(Op::View<'a>) -> bool + Send + Sync,
{
    #[inline]
    fn test(&self, operation: Op::View<'_>) -> bool {
        self(operation)
    }
}

enum Combined<Op: Operation> {
    Both(Arc<dyn Test<Op>>, Arc<dyn Test<Op>>),
    Either(Arc<dyn Test<Op>>, Arc<dyn Test<Op>>),
    Neither(Arc<dyn Test<Op>>),
}

impl<Op: Operation> Test<Op> for Combined<Op> {
    fn test(&self, operation: Op::View<'_>) -> bool {
        match self {
            Self::Both(one, two) => one.test(operation) && two.test(operation),
            Self::Either(one, two) => one.test(operation) || two.test(operation),
            Self::Neither(one) => !one.test(operation),
        }
    }
}

/// Which operations a rule is about.
///
/// ```
/// use chaos_core::point::{Matcher, Step};
/// #[derive(Debug)]
/// struct Commit { table: &'static str, rows: u32 }
/// impl Step for Commit { const NAME: &'static str = "commit"; type Error = std::io::Error; }
///
/// let orders = Matcher::<Commit>::new("table orders", |commit| commit.table == "orders");
/// let large = Matcher::<Commit>::new("over 100 rows", |commit| commit.rows > 100);
/// let both = orders & !large;
/// assert!(both.matches(&Commit { table: "orders", rows: 3 }));
/// assert_eq!(both.to_string(), "(table orders and not over 100 rows)");
/// ```
pub struct Matcher<Op: Operation> {
    description: String,
    test: Arc<dyn Test<Op>>,
}

impl<Op: Operation> Matcher<Op> {
    /// Operations for which `test` says so. `description` is what plans, reports and the dice call it.
    pub fn new(
        description: impl Into<String>,
        test: impl for<'a> Fn(Op::View<'a>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { description: description.into(), test: Arc::new(test) }
    }

    /// Whether `operation` matches.
    #[inline]
    pub fn matches(&self, operation: Op::View<'_>) -> bool {
        self.test.test(operation)
    }
}

impl<Op: Operation + 'static> Matcher<Op> {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            description: format!("({} and {})", self.description, other.description),
            test: Arc::new(Combined::Both(self.test, other.test)),
        }
    }

    /// At least one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            description: format!("({} or {})", self.description, other.description),
            test: Arc::new(Combined::Either(self.test, other.test)),
        }
    }
}

impl<Op: Operation + 'static> Not for Matcher<Op> {
    type Output = Self;
    fn not(self) -> Self {
        Self {
            description: format!("not {}", self.description),
            test: Arc::new(Combined::Neither(self.test)),
        }
    }
}

impl<Op: Operation + 'static> BitAnd for Matcher<Op> {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        self.and(other)
    }
}

impl<Op: Operation + 'static> BitOr for Matcher<Op> {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl<Op: Operation> Clone for Matcher<Op> {
    fn clone(&self) -> Self {
        Self { description: self.description.clone(), test: Arc::clone(&self.test) }
    }
}

impl<Op: Operation> fmt::Display for Matcher<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

impl<Op: Operation> fmt::Debug for Matcher<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({})", self.description)
    }
}
