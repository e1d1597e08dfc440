use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::{Clock, Sleep};
use crate::units::{ms, secs, us};

/// A bound on what must not hang; far beyond any load of the machine.
const LONG: Duration = secs(60);

#[derive(Default)]
struct Counting {
    wakes: AtomicUsize,
    signal: Option<mpsc::Sender<()>>,
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        if let Some(signal) = &self.signal {
            let _ = signal.send(());
        }
    }
}

fn signalling() -> (Arc<Counting>, mpsc::Receiver<()>) {
    let (signal, signalled) = mpsc::channel();
    (Arc::new(Counting { wakes: AtomicUsize::new(0), signal: Some(signal) }), signalled)
}

fn poll(sleep: &mut Sleep, waker: &Arc<Counting>) -> Poll<()> {
    Pin::new(sleep).poll(&mut Context::from_waker(&Waker::from(Arc::clone(waker))))
}

fn multi() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_is_seen_and_waits_in_virtual_time() {
    for clock in [Clock::auto(), Clock::spinning(), Clock::paused().unwrap(), Clock::default()] {
        assert!(clock.is_paused(), "{clock:?}");
        let (begun, virtually) = (Instant::now(), clock.now());
        clock.sleep(secs(3600)).await;
        assert_eq!(clock.now() - virtually, secs(3600), "{clock:?}");
        assert!(begun.elapsed() < LONG, "{clock:?} really waited");
        clock.sleep_blocking(secs(3600));
        assert!(begun.elapsed() < LONG, "{clock:?} really blocked");
    }
}

#[tokio::test(start_paused = true)]
async fn an_advanced_clock_is_still_paused_and_a_resumed_one_is_not() {
    let clock = Clock::auto();
    tokio::time::advance(secs(10)).await;
    assert!(clock.is_paused());
    let sleep = clock.sleep(ms(20));
    tokio::time::resume();
    assert!(!clock.is_paused());
    sleep.await;
    clock.sleep(ms(1)).await;
    let sleep = clock.sleep(ms(20));
    tokio::time::pause();
    assert!(clock.is_paused());
    sleep.await;
    clock.sleep(secs(3600)).await;
}

#[tokio::test(start_paused = true)]
async fn a_real_clock_really_waits_in_a_paused_runtime() {
    let clock = Clock::real();
    assert!(!clock.is_paused());
    let begun = Instant::now();
    clock.sleep(ms(30)).await;
    assert!(begun.elapsed() >= ms(30));
    clock.require_real("a socket").unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_override_reaches_foreign_threads() {
    let clock = Clock::paused().unwrap();
    let (auto, foreign) = (Clock::auto(), clock.clone());
    let (done, ended) = tokio::sync::oneshot::channel();
    let thread = thread::spawn(move || {
        assert!(!auto.is_paused(), "a thread without a runtime has real time");
        assert!(foreign.is_paused());
        let begun = foreign.now();
        let sleep = foreign.sleep(secs(3600));
        foreign.sleep_blocking(secs(3600));
        let _ = done.send((begun, sleep));
    });
    let (begun, sleep) = ended.await.unwrap();
    sleep.await;
    assert_eq!(clock.now() - begun, secs(3600));
    thread.join().unwrap();
}

#[test]
fn a_paused_clock_needs_a_paused_runtime() {
    let outside = Clock::paused().unwrap_err();
    assert!(outside.is_clock(), "{outside}");
    let running = multi().block_on(async { Clock::paused() }).unwrap_err();
    assert!(running.is_clock(), "{running}");
}

#[tokio::test]
async fn a_running_clock_is_real_and_never_early() {
    for clock in [Clock::auto(), Clock::real(), Clock::spinning()] {
        for duration in [us(1), us(200), ms(3)] {
            assert!(!clock.is_paused(), "{clock:?}");
            let begun = Instant::now();
            clock.sleep(duration).await;
            assert!(begun.elapsed() >= duration, "{clock:?} {duration:?}");
            let begun = Instant::now();
            clock.sleep_blocking(duration);
            assert!(begun.elapsed() >= duration, "{clock:?} {duration:?}");
        }
    }
}

#[test]
fn real_time_is_needed_and_the_refusal_says_what_to_do() {
    assert!(!Clock::auto().is_paused(), "outside a runtime time is real");
    Clock::auto().require_real("an http probe").unwrap();
    let paused =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let refused = paused.block_on(async { Clock::auto().require_real("an http probe") }).unwrap_err();
    assert!(refused.is_clock());
    assert_eq!(
        refused.to_string(),
        "an http probe needs real time and this clock is paused: run it without start_paused, or give it \
         Clock::real()"
    );
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_counted_from_its_call_and_lets_the_ready_win() {
    let clock = Clock::auto();
    assert_eq!(clock.timeout(secs(5), async { 7 }).await.unwrap(), 7);
    assert_eq!(clock.timeout(Duration::ZERO, async { 7 }).await.unwrap(), 7);
    let begun = clock.now();
    let limited = clock.timeout(secs(5), std::future::pending::<()>());
    clock.sleep(secs(3)).await;
    let late = limited.await.unwrap_err();
    assert!(late.is_timeout(), "{late}");
    assert_eq!(clock.now() - begun, secs(5));
    assert!(clock.timeout(secs(2), clock.sleep(secs(1))).await.is_ok());
}

#[tokio::test]
async fn a_timeout_is_not_starved_by_a_busy_future() {
    let clock = Clock::auto();
    let busy = async {
        loop {
            tokio::task::consume_budget().await;
        }
    };
    assert!(clock.timeout(ms(20), busy).await.unwrap_err().is_timeout());
}

#[test]
fn zero_is_over_at_once_and_without_a_runtime() {
    let (waker, _) = signalling();
    let mut sleep = Clock::auto().sleep(Duration::ZERO);
    assert!(poll(&mut sleep, &waker).is_ready());
    assert!(poll(&mut sleep, &waker).is_ready());
}

#[test]
fn the_last_waker_is_woken_outside_any_runtime() {
    let clock = Clock::auto();
    let (first, _kept) = signalling();
    let (last, woken) = signalling();
    let mut sleep = clock.sleep(ms(50));
    if poll(&mut sleep, &first).is_pending() && poll(&mut sleep, &last).is_pending() {
        woken.recv_timeout(LONG).expect("woken");
        assert_eq!(first.wakes.load(Ordering::SeqCst), 0, "replaced before the end");
    }
    assert!(poll(&mut sleep, &last).is_ready());
    assert_eq!(clock.inner.timer.waiting(), 0);
}

#[test]
fn a_dropped_sleep_leaves_nothing_and_wakes_nobody() {
    let clock = Clock::auto();
    let (waker, woken) = signalling();
    for _ in 0..1_000 {
        let mut sleep = clock.sleep(LONG);
        assert!(poll(&mut sleep, &waker).is_pending());
        assert_eq!(clock.inner.timer.waiting(), 1);
    }
    assert_eq!(clock.inner.timer.waiting(), 0);
    drop(clock);
    assert!(woken.recv_timeout(ms(20)).is_err());
    assert_eq!(Arc::strong_count(&waker), 1, "no waker is kept");
}

#[test]
fn an_endless_sleep_neither_overflows_nor_ends() {
    let (waker, _) = signalling();
    let mut sleep = Clock::auto().sleep(Duration::MAX);
    assert!(poll(&mut sleep, &waker).is_pending());
}

#[test]
fn a_sleep_outlives_its_clock_and_the_thread_ends_with_both() {
    let clock = Clock::auto();
    let shared = clock.inner.timer.watch();
    let (waker, woken) = signalling();
    let mut sleep = clock.sleep(ms(20));
    let pending = poll(&mut sleep, &waker).is_pending();
    drop(clock);
    if pending {
        woken.recv_timeout(LONG).expect("woken");
    }
    assert!(poll(&mut sleep, &waker).is_ready());
    let begun = Instant::now();
    while shared.upgrade().is_some() {
        assert!(begun.elapsed() < LONG, "the thread is still there");
        thread::sleep(ms(1));
    }
}

#[test]
fn many_sleeps_all_end_in_several_runtimes_at_once() {
    let clock = Clock::auto();
    let ended = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..3)
        .map(|n| {
            let (clock, ended) = (clock.clone(), Arc::clone(&ended));
            thread::spawn(move || {
                let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let runtime = if n == 0 { multi() } else { current };
                let all: Vec<_> = (0..2_000)
                    .map(|m| {
                        let (clock, ended) = (clock.clone(), Arc::clone(&ended));
                        runtime.spawn(async move {
                            clock.sleep(ms(5) + us(m % 7)).await;
                            clock.sleep(us(m)).await;
                            *ended.lock().unwrap() += 1;
                        })
                    })
                    .collect();
                runtime.block_on(async {
                    for one in all {
                        one.await.unwrap();
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*ended.lock().unwrap(), 6_000);
    assert_eq!(clock.inner.timer.waiting(), 0);
}

#[test]
fn a_shut_down_runtime_takes_its_sleeps_along_and_hinders_no_other() {
    let clock = Clock::auto();
    let gone = multi();
    for _ in 0..100 {
        let clock = clock.clone();
        gone.spawn(async move { clock.sleep(LONG * 10).await });
    }
    let begun = Instant::now();
    while clock.inner.timer.waiting() < 100 {
        assert!(begun.elapsed() < LONG, "the sleeps have not begun");
        thread::sleep(ms(1));
    }
    drop(gone);
    assert_eq!(clock.inner.timer.waiting(), 0);
    multi().block_on(clock.sleep(ms(5)));
}

#[test]
fn sleeps_that_nobody_polls_do_not_keep_the_others() {
    let clock = Clock::auto();
    let (idle, woken) = signalling();
    let mut unpolled: Vec<_> = (0..500).map(|_| clock.sleep(ms(50))).collect();
    let pending = unpolled.iter_mut().map(|sleep| poll(sleep, &idle)).filter(Poll::is_pending).count();
    multi().block_on(clock.sleep(ms(60)));
    for _ in 0..pending {
        woken.recv_timeout(LONG).expect("each is woken");
    }
}

#[test]
fn a_panicking_waker_costs_nobody_else_a_wake() {
    struct Panicking;
    impl Wake for Panicking {
        fn wake(self: Arc<Self>) {
            panic!("expected by the test: a foreign waker panics");
        }
    }
    let clock = Clock::auto();
    let mut bad = clock.sleep(ms(5));
    let _ = Pin::new(&mut bad).poll(&mut Context::from_waker(&Waker::from(Arc::new(Panicking))));
    let (waker, woken) = signalling();
    let mut good = clock.sleep(ms(50));
    if poll(&mut good, &waker).is_pending() {
        woken.recv_timeout(LONG).expect("woken");
    }
}

/// A waker can own the task that owns a sleep: dropping it comes back into the clock.
#[test]
fn a_waker_that_drops_another_sleep_does_not_deadlock() {
    struct Owning(#[expect(dead_code, reason = "held for its drop")] Mutex<Option<Sleep>>);
    impl Wake for Owning {
        fn wake(self: Arc<Self>) {}
    }
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let clock = Clock::auto();
        let owning = |duration| {
            let (waker, _) = signalling();
            let mut inner = clock.sleep(LONG);
            assert!(poll(&mut inner, &waker).is_pending());
            let waker = Waker::from(Arc::new(Owning(Mutex::new(Some(inner)))));
            let mut outer = clock.sleep(duration);
            let _ = Pin::new(&mut outer).poll(&mut Context::from_waker(&waker));
            outer
        };
        drop(owning(LONG));
        let mut replaced = owning(LONG);
        let (waker, _) = signalling();
        assert!(poll(&mut replaced, &waker).is_pending());
        drop(replaced);
        let _woken_by_the_thread = owning(ms(1));
        multi().block_on(clock.sleep(ms(20)));
        ended.send(clock.inner.timer.waiting()).unwrap();
    });
    assert_eq!(end.recv_timeout(LONG).expect("no deadlock"), 0);
}

#[test]
fn debug_says_which_clock_and_how_long() {
    assert_eq!(format!("{:?}", Clock::real()), "Clock::real()");
    assert_eq!(format!("{:?}", Clock::auto().sleep(Duration::ZERO)), "Sleep(over)");
    assert!(format!("{:?}", Clock::auto().sleep(LONG)).ends_with("left)"));
}

#[test]
fn clock_and_sleep_go_anywhere() {
    fn anywhere<T: Send + Sync + Unpin + 'static>() {}
    anywhere::<Clock>();
    fn sent<T: Send + Unpin + 'static>() {}
    sent::<Sleep>();
}

#[cfg(target_os = "linux")]
#[test]
fn a_blocking_sleep_leaves_the_threads_slack_as_it_was() {
    use rustix::thread::current_timer_slack;
    let found = current_timer_slack().unwrap();
    Clock::real().sleep_blocking(us(100));
    assert_eq!(current_timer_slack().unwrap(), found);
}
