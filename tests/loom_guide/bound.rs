//! Step 6: how the number of executions grows, and what a bound does about it.

use loom::sync::Arc;
use loom::thread;

use crate::explore::explore;
use crate::fix::Active;

/// The number of executions with this many Enactors, each of which activates two versions.
fn executions(enactors: u64, bound: Option<usize>) -> usize {
    let (outcomes, executions) = explore(bound, move || {
        let active = Arc::new(Active::new(0));
        let enactor = |number| {
            let active = Arc::clone(&active);
            thread::spawn(move || {
                active.activate(number).ok();
                active.activate(number + enactors).ok();
            })
        };
        let threads: Vec<_> = (1..=enactors).map(enactor).collect();
        for thread in threads {
            thread.join().unwrap();
        }
        active.get()
    });
    assert_eq!(outcomes, [2 * enactors].into());
    executions
}

#[test]
fn the_number_of_executions_explodes() {
    let two = [Some(1), Some(2), Some(3), None].map(|bound| executions(2, bound));
    assert_eq!(two, [27, 99, 235, 693]);
    let three = [Some(1), Some(2)].map(|bound| executions(3, bound));
    assert_eq!(three, [628, 5_511]);
}
