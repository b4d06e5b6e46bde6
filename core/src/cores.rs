//! Work on many things that do not depend on each other, on several cores at once.
//!
//! Invariant: what comes out depends on the items and the work alone, never on the number of cores or on which thread
//! was first; results stand in the order of their items.

use std::panic::resume_unwind;
use std::thread::{Builder, ScopedJoinHandle, scope};

/// Threads that share the items, the one that asks included. Fixed, because core asks no machine how many cores it
/// has; more cores than this would gain little, and fewer lose little.
const THREADS: usize = 4;

/// What `work` makes of each item, in the order of the items. Fewer than `many` are worked on by this thread alone:
/// starting others would take longer.
pub(crate) fn map<Item: Sync, Result: Send>(
    items: &[Item],
    many: usize,
    work: impl Fn(&Item) -> Result + Sync,
) -> Vec<Result> {
    let all = &|items: &[Item]| -> Vec<Result> { items.iter().map(&work).collect() };
    if items.len() < many.max(THREADS) {
        return all(items);
    }
    let mut parts = items.chunks(items.len().div_ceil(THREADS));
    let own = parts.next().unwrap_or_default();
    scope(|scope| {
        // A host that lets no more threads be started is slower, not stopped.
        let start = |part| (part, Builder::new().spawn_scoped(scope, move || all(part)).ok());
        let others: Vec<_> = parts.map(start).collect();
        let mut results = all(own);
        results.reserve(items.len() - own.len());
        for (part, thread) in others {
            match thread.map(ScopedJoinHandle::join) {
                Some(Ok(done)) => results.extend(done),
                Some(Err(panic)) => resume_unwind(panic),
                None => results.extend(all(part)),
            }
        }
        results
    })
}

/// Lets go of each item. Fewer than `many` are let go of by this thread alone, as in [`map`].
pub(crate) fn let_go<Item: Send>(mut items: Vec<Item>, many: usize) {
    if items.len() < many.max(THREADS) {
        return;
    }
    let part = items.len().div_ceil(THREADS);
    scope(|scope| {
        while items.len() > part {
            let others = items.split_off(items.len() - part);
            // What no thread could be started for is let go of here.
            let _started = Builder::new().spawn_scoped(scope, move || drop(others));
        }
        drop(items);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_their_items_on_however_many_threads() {
        for count in [0, 1, 3, 4, 5, 7, 8, 9, 1_000] {
            let items: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(map(&items, 0, |item| item * 2), doubled, "{count} on several threads");
            assert_eq!(map(&items, count + 1, |item| item * 2), doubled, "{count} on one thread");
        }
    }

    #[test]
    fn many_items_are_worked_on_by_several_threads_and_few_by_one() {
        let threads = |many| {
            let mut names = map(&[(); 100], many, |()| format!("{:?}", std::thread::current().id()));
            names.sort();
            names.dedup();
            names.len()
        };
        assert_eq!((threads(100), threads(101)), (THREADS, 1));
    }

    #[test]
    fn each_item_is_let_go_of_once() {
        for count in [0, 1, 3, 4, 5, 9, 1_000] {
            let item = std::sync::Arc::new(());
            let_go(vec![std::sync::Arc::clone(&item); count], 0);
            assert_eq!(std::sync::Arc::strong_count(&item), 1, "{count}");
        }
    }

    #[test]
    #[should_panic = "the ninth"]
    fn a_panic_of_one_thread_is_that_of_the_whole() {
        let items: Vec<usize> = (1..=10).collect();
        let done = map(&items, 0, |item| assert_ne!(*item, 9, "the ninth"));
        assert_eq!(done.len(), 10);
    }
}
