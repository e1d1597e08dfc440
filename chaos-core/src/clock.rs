//! temporary
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
/// temporary
#[derive(Debug, Clone, Default)]
pub struct Clock;
/// temporary
#[derive(Debug)]
pub struct Sleep(Pin<Box<tokio::time::Sleep>>);
impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}
#[allow(missing_docs, clippy::disallowed_methods, clippy::unused_self)]
impl Clock {
    pub fn auto() -> Self {
        Self
    }
    pub fn now(&self) -> tokio::time::Instant {
        tokio::time::Instant::now()
    }
    pub fn is_paused(&self) -> bool {
        false
    }
    pub fn sleep(&self, d: Duration) -> Sleep {
        Sleep(Box::pin(tokio::time::sleep(d)))
    }
    pub fn sleep_blocking(&self, d: Duration) {
        std::thread::sleep(d);
    }
    pub async fn timeout<F: Future>(&self, d: Duration, f: F) -> crate::Result<F::Output> {
        tokio::time::timeout(d, f).await.map_err(|_| crate::Error::timeout("x"))
    }
    pub fn require_real(&self, _what: &str) -> crate::Result<()> {
        Ok(())
    }
}
