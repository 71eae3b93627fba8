//! The life of action goals: one runs, one waits, the newest wins the waiting place, results are kept for late clients.
//!
//! Pure logic without ROS types, clocks or tasks. `C` is what the owner needs to reach a goal's task, `R` a result, `W` a result
//! request that waits.

use std::time::{Duration, Instant};

use crate::scene::Stamp;

/// A goal's UUID.
pub type GoalId = [u8; 16];

/// Results kept at most, whatever their age.
const MAX_ENDED: usize = 100;
/// Result requests that may wait for one goal.
const MAX_WAITING: usize = 32;

/// States of `action_msgs/GoalStatus`, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum GoalState {
    /// Waits for its turn.
    Accepted = 1,
    /// Is being answered.
    Executing = 2,
    /// The client wants it to end.
    Canceling = 3,
    /// Ended with an answer.
    Succeeded = 4,
    /// Ended at the client's wish.
    Canceled = 5,
    /// Ended with a refusal.
    Aborted = 6,
}

impl GoalState {
    /// Whether the goal has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, GoalState::Succeeded | GoalState::Canceled | GoalState::Aborted)
    }
}

/// What became of a new goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// Its id is in use: rejected.
    Duplicate,
    /// It runs at once.
    Runs,
    /// It waits; the goal that waited before has to end as preempted.
    Waits {
        /// The goal that lost its place.
        preempted: Option<GoalId>,
    },
}

/// Answer to a cancel request, with the numbers of `action_msgs/srv/CancelGoal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelReply {
    /// How it went.
    pub code: CancelCode,
    /// Goals that are being cancelled, with the time each was accepted.
    pub canceling: Vec<(GoalId, Stamp)>,
}

/// Return codes of `action_msgs/srv/CancelGoal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum CancelCode {
    /// Accepted, for the goals listed.
    None = 0,
    /// The goal is not known (any more).
    UnknownGoal = 2,
    /// The goal has ended already.
    GoalTerminated = 3,
}

/// What to do with a result request.
#[derive(Debug, PartialEq, Eq)]
pub enum ResultReply<R, W> {
    /// Answer it: there is no such goal, or too many requests wait for it.
    Unknown(W),
    /// Answer it with this.
    Ended(W, GoalState, R),
    /// It waits in the table until the goal ends.
    Waits,
}

/// What follows from the end of a goal.
#[derive(Debug, PartialEq, Eq)]
pub struct Finished<R, W> {
    /// How it ended.
    pub state: GoalState,
    /// Its result.
    pub result: R,
    /// Requests to answer.
    pub waiting: Vec<W>,
    /// The goal whose turn it is now.
    pub next: Option<GoalId>,
}

/// All goals, oldest first.
#[derive(Debug)]
pub struct GoalTable<C, R, W> {
    goals: Vec<Entry<C, R, W>>,
    running: Option<GoalId>,
    waiting: Option<GoalId>,
}

#[derive(Debug)]
struct Entry<C, R, W> {
    id: GoalId,
    accepted_at: Stamp,
    state: GoalState,
    control: Option<C>,
    requests: Vec<W>,
    ended: Option<(Instant, R)>,
}

impl<C, R: Clone, W> Default for GoalTable<C, R, W> {
    fn default() -> Self {
        GoalTable { goals: Vec::new(), running: None, waiting: None }
    }
}

impl<C, R: Clone, W> GoalTable<C, R, W> {
    /// Takes a goal in.
    pub fn submit(&mut self, id: GoalId, accepted_at: Stamp, control: C) -> Submitted {
        if self.entry(&id).is_some() {
            return Submitted::Duplicate;
        }
        let runs = self.running.is_none();
        let state = if runs { GoalState::Executing } else { GoalState::Accepted };
        self.goals.push(Entry { id, accepted_at, state, control: Some(control), requests: Vec::new(), ended: None });
        if runs {
            self.running = Some(id);
            return Submitted::Runs;
        }
        Submitted::Waits { preempted: self.waiting.replace(id) }
    }

    /// Whether this id is in use.
    pub fn contains(&self, id: &GoalId) -> bool {
        self.entry(id).is_some()
    }

    /// A goal's state.
    pub fn state(&self, id: &GoalId) -> Option<GoalState> {
        self.entry(id).map(|entry| entry.state)
    }

    /// The way to a goal's task, until it ends.
    pub fn control_mut(&mut self, id: &GoalId) -> Option<&mut C> {
        self.entry_mut(id)?.control.as_mut()
    }

    /// Marks goals as cancelling: the one named by `id` (zero: none), and those accepted at or before `up_to` (zero: none). Both
    /// zero: all.
    pub fn cancel(&mut self, id: &GoalId, up_to: Stamp) -> CancelReply {
        let names_one = *id != GoalId::default();
        let is_all = !names_one && up_to.is_unset();
        let mut canceling = Vec::new();
        for entry in self.goals.iter_mut().filter(|entry| !entry.state.is_terminal()) {
            let is_older = !up_to.is_unset() && entry.accepted_at <= up_to;
            if is_all || is_older || entry.id == *id {
                entry.state = GoalState::Canceling;
                canceling.push((entry.id, entry.accepted_at));
            }
        }
        let code = match self.state(id) {
            _ if !canceling.is_empty() || !names_one => CancelCode::None,
            None => CancelCode::UnknownGoal,
            Some(_) => CancelCode::GoalTerminated,
        };
        CancelReply { code, canceling }
    }

    /// Ends a goal with what `end` makes of its last state. `None` when it has ended before or is not known.
    pub fn finish(
        &mut self,
        id: &GoalId,
        now: Instant,
        end: impl FnOnce(GoalState) -> (GoalState, R),
    ) -> Option<Finished<R, W>> {
        let entry = self.entry_mut(id).filter(|entry| !entry.state.is_terminal())?;
        let (state, result) = end(entry.state);
        entry.state = state;
        entry.control = None;
        entry.ended = Some((now, result.clone()));
        let waiting = std::mem::take(&mut entry.requests);
        if self.waiting.as_ref() == Some(id) {
            self.waiting = None;
        }
        let mut next = None;
        if self.running.as_ref() == Some(id) {
            next = self.waiting.take();
            self.running = next;
        }
        if let Some(entry) = next.and_then(|next| self.entry_mut(&next))
            && entry.state == GoalState::Accepted
        {
            entry.state = GoalState::Executing;
        }
        Some(Finished { state, result, waiting, next })
    }

    /// Answers a result request, or keeps it until the goal ends.
    pub fn request_result(&mut self, id: &GoalId, request: W) -> ResultReply<R, W> {
        let Some(entry) = self.entry_mut(id) else { return ResultReply::Unknown(request) };
        if let Some((_, result)) = &entry.ended {
            return ResultReply::Ended(request, entry.state, result.clone());
        }
        if entry.requests.len() >= MAX_WAITING {
            return ResultReply::Unknown(request);
        }
        entry.requests.push(request);
        ResultReply::Waits
    }

    /// Forgets goals that ended more than `kept_for` ago, and the oldest where too many are kept. Whether any were.
    pub fn expire(&mut self, now: Instant, kept_for: Duration) -> bool {
        let before = self.goals.len();
        self.goals.retain(|entry| {
            entry.ended.as_ref().is_none_or(|(ended_at, _)| now.saturating_duration_since(*ended_at) < kept_for)
        });
        let n_ended = self.goals.iter().filter(|entry| entry.ended.is_some()).count();
        let mut n_excess = n_ended.saturating_sub(MAX_ENDED);
        self.goals.retain(|entry| {
            let is_excess = n_excess > 0 && entry.ended.is_some();
            n_excess -= usize::from(is_excess);
            !is_excess
        });
        self.goals.len() != before
    }

    /// Id, time of acceptance and state of every goal, oldest first.
    pub fn statuses(&self) -> impl Iterator<Item = (&GoalId, Stamp, GoalState)> {
        self.goals.iter().map(|entry| (&entry.id, entry.accepted_at, entry.state))
    }

    /// Goals that have not ended.
    pub fn live(&self) -> Vec<GoalId> {
        self.goals.iter().filter(|entry| !entry.state.is_terminal()).map(|entry| entry.id).collect()
    }

    fn entry(&self, id: &GoalId) -> Option<&Entry<C, R, W>> {
        self.goals.iter().find(|entry| entry.id == *id)
    }

    fn entry_mut(&mut self, id: &GoalId) -> Option<&mut Entry<C, R, W>> {
        self.goals.iter_mut().find(|entry| entry.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Table = GoalTable<(), &'static str, u32>;

    fn id(n: u8) -> GoalId {
        [n; 16]
    }

    fn at(secs: i32) -> Stamp {
        Stamp::from_parts(secs, 0)
    }

    fn submit(table: &mut Table, n: u8) -> Submitted {
        table.submit(id(n), at(i32::from(n)), ())
    }

    fn finish(table: &mut Table, n: u8, state: GoalState) -> Option<Finished<&'static str, u32>> {
        table.finish(&id(n), Instant::now(), |_| (state, "result"))
    }

    fn states(table: &Table) -> Vec<(u8, GoalState)> {
        table.statuses().map(|(id, _, state)| (id[0], state)).collect()
    }

    #[test]
    fn one_runs_one_waits_and_the_newest_wins_the_waiting_place() {
        let mut table = Table::default();
        assert_eq!(submit(&mut table, 1), Submitted::Runs);
        assert_eq!(submit(&mut table, 2), Submitted::Waits { preempted: None });
        assert_eq!(submit(&mut table, 3), Submitted::Waits { preempted: Some(id(2)) });
        assert_eq!(finish(&mut table, 2, GoalState::Aborted).unwrap().next, None);
        assert_eq!(finish(&mut table, 1, GoalState::Succeeded).unwrap().next, Some(id(3)));
        assert_eq!(states(&table), [(1, GoalState::Succeeded), (2, GoalState::Aborted), (3, GoalState::Executing)]);
        assert_eq!(finish(&mut table, 3, GoalState::Succeeded).unwrap().next, None);
        assert_eq!(submit(&mut table, 4), Submitted::Runs);
    }

    #[test]
    fn an_id_is_taken_once_even_after_its_goal_ended() {
        let mut table = Table::default();
        submit(&mut table, 1);
        assert_eq!(submit(&mut table, 1), Submitted::Duplicate);
        finish(&mut table, 1, GoalState::Succeeded);
        assert_eq!(submit(&mut table, 1), Submitted::Duplicate);
    }

    #[test]
    fn a_goal_ends_once() {
        let mut table = Table::default();
        submit(&mut table, 1);
        assert!(finish(&mut table, 1, GoalState::Succeeded).is_some());
        assert_eq!(finish(&mut table, 1, GoalState::Aborted), None);
        assert_eq!(table.state(&id(1)), Some(GoalState::Succeeded));
        assert_eq!(finish(&mut table, 9, GoalState::Aborted), None);
    }

    #[test]
    fn cancel_follows_the_four_cases_of_the_service() {
        let case = |wanted: u8, up_to: i32| {
            let mut table = Table::default();
            submit(&mut table, 1);
            submit(&mut table, 2);
            let reply = table.cancel(&id(wanted), at(up_to));
            (reply.code, reply.canceling.iter().map(|(id, _)| id[0]).collect::<Vec<_>>())
        };
        assert_eq!(case(0, 0), (CancelCode::None, vec![1, 2]));
        assert_eq!(case(0, 1), (CancelCode::None, vec![1]));
        assert_eq!(case(2, 0), (CancelCode::None, vec![2]));
        assert_eq!(case(2, 1), (CancelCode::None, vec![1, 2]));
        assert_eq!(case(9, 0), (CancelCode::UnknownGoal, vec![]));
    }

    #[test]
    fn an_ended_goal_cannot_be_cancelled() {
        let mut table = Table::default();
        submit(&mut table, 1);
        finish(&mut table, 1, GoalState::Succeeded);
        assert_eq!(table.cancel(&id(1), Stamp::default()).code, CancelCode::GoalTerminated);
        let nothing_left = CancelReply { code: CancelCode::None, canceling: vec![] };
        assert_eq!(table.cancel(&GoalId::default(), Stamp::default()), nothing_left);
    }

    #[test]
    fn the_end_sees_that_the_goal_was_cancelling() {
        let mut table = Table::default();
        submit(&mut table, 1);
        table.cancel(&id(1), Stamp::default());
        let finished = table.finish(&id(1), Instant::now(), |state| match state {
            GoalState::Canceling => (GoalState::Canceled, "cancelled"),
            _ => (GoalState::Succeeded, "answer"),
        });
        assert_eq!(finished.map(|finished| finished.state), Some(GoalState::Canceled));
    }

    #[test]
    fn a_waiting_goal_that_is_cancelling_keeps_that_state_when_its_turn_comes() {
        let mut table = Table::default();
        submit(&mut table, 1);
        submit(&mut table, 2);
        table.cancel(&id(2), Stamp::default());
        assert_eq!(finish(&mut table, 1, GoalState::Succeeded).unwrap().next, Some(id(2)));
        assert_eq!(table.state(&id(2)), Some(GoalState::Canceling));
    }

    #[test]
    fn results_wait_arrive_and_stay_for_late_clients() {
        let mut table = Table::default();
        assert_eq!(table.request_result(&id(1), 7), ResultReply::Unknown(7));
        submit(&mut table, 1);
        assert_eq!(table.request_result(&id(1), 8), ResultReply::Waits);
        let finished = finish(&mut table, 1, GoalState::Succeeded).unwrap();
        assert_eq!((finished.result, finished.waiting), ("result", vec![8]));
        assert_eq!(table.request_result(&id(1), 9), ResultReply::Ended(9, GoalState::Succeeded, "result"));
    }

    #[test]
    fn requests_for_one_goal_are_bounded() {
        let mut table = Table::default();
        submit(&mut table, 1);
        for request in 0..MAX_WAITING as u32 {
            assert_eq!(table.request_result(&id(1), request), ResultReply::Waits);
        }
        assert_eq!(table.request_result(&id(1), 99), ResultReply::Unknown(99));
    }

    #[test]
    fn ended_goals_expire_and_live_ones_do_not() {
        let mut table = Table::default();
        let start = Instant::now();
        submit(&mut table, 1);
        submit(&mut table, 2);
        table.finish(&id(1), start, |_| (GoalState::Succeeded, "result"));
        assert!(!table.expire(start + Duration::from_secs(9), Duration::from_secs(10)));
        assert!(table.expire(start + Duration::from_secs(10), Duration::from_secs(10)));
        assert_eq!(states(&table), [(2, GoalState::Executing)]);
    }

    #[test]
    fn the_oldest_results_go_when_too_many_are_kept() {
        let mut table = Table::default();
        for n in 1..=(MAX_ENDED as u8 + 5) {
            submit(&mut table, n);
            finish(&mut table, n, GoalState::Succeeded);
        }
        assert!(table.expire(Instant::now(), Duration::from_secs(3600)));
        assert_eq!(states(&table).len(), MAX_ENDED);
        assert_eq!(states(&table)[0].0, 6);
    }

    proptest! {
        #[test]
        fn at_most_one_goal_runs_and_one_waits(steps in proptest::collection::vec((0_u8..4, 1_u8..8), 0..60)) {
            let mut table = Table::default();
            for (action, n) in steps {
                match action {
                    0 => {
                        if let Submitted::Waits { preempted: Some(loser) } = submit(&mut table, n) {
                            table.finish(&loser, Instant::now(), |_| (GoalState::Aborted, "preempted"));
                        }
                    }
                    1 => { table.cancel(&id(n), Stamp::default()); }
                    2 => { finish(&mut table, n, GoalState::Aborted); }
                    _ => { table.expire(Instant::now() + Duration::from_secs(99), Duration::from_secs(1)); }
                }
                let count = |wanted| states(&table).iter().filter(|(_, state)| *state == wanted).count();
                prop_assert!(table.live().len() <= 2);
                prop_assert!(count(GoalState::Executing) <= 1);
                prop_assert!(count(GoalState::Accepted) <= 1);
                prop_assert_eq!(table.live().is_empty(), table.running.is_none());
                prop_assert!(table.running.is_some() || table.waiting.is_none());
            }
        }
    }
}
