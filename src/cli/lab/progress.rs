//! How far a plan is: a bar on a terminal, else a line now and then.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::backend::{Direction, Progress};
use crate::cli::session::Session;
use crate::plan::{Plan, Step};

/// What is over sooner is not shown.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the bar moves.
const FRAME: Duration = Duration::from_millis(100);
/// How often there is a line where there is no terminal.
const LINE: Duration = Duration::from_secs(2);

/// Done and all, how many a second, and what is in hand.
const TEMPLATE: &str = "{prefix} [{bar:30}] {pos}/{len} {rate}/s  {wide_msg}";

/// Shows it until it is dropped.
pub struct Display {
    over: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

/// Begins to show how far `plan` is.
pub fn show(session: &Session<'_>, plan: &Plan) -> Display {
    let over = Arc::new((Mutex::new(false), Condvar::new()));
    let shown = Shown { progress: session.engine.progress(), steps: plan.steps.clone(), over: over.clone() };
    let on_terminal = session.output.talks_to_terminal();
    let thread =
        (!plan.is_empty()).then(|| std::thread::spawn(move || if on_terminal { shown.bar() } else { shown.lines() }));
    Display { over, thread }
}

impl Drop for Display {
    fn drop(&mut self) {
        *self.over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.over.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A display that has failed is no failure of the plan.
            let _ = thread.join();
        }
    }
}

struct Shown {
    progress: Progress,
    steps: Vec<Step>,
    over: Arc<(Mutex<bool>, Condvar)>,
}

impl Shown {
    /// Waits so long, or until it is over; whether it is.
    fn is_over_within(&self, time: Duration) -> bool {
        let over = self.over.0.lock().unwrap_or_else(PoisonError::into_inner);
        *self.over.1.wait_timeout_while(over, time, |over| !*over).unwrap_or_else(PoisonError::into_inner).0
    }

    /// The step in hand, while the plan is carried out; on the way back it is another plan's.
    fn in_hand(&self) -> (&'static str, String) {
        match self.progress.direction() {
            Direction::Forward => {
                ("apply", self.steps.get(self.progress.done()).map(ToString::to_string).unwrap_or_default())
            }
            Direction::Back => ("undo", String::new()),
        }
    }

    fn bar(&self) {
        if self.is_over_within(PATIENCE) {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(self.steps.len() as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            let begin = Instant::now() - PATIENCE;
            let rate = move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                // There is nobody to tell that a text cannot be written to.
                let _ = write!(text, "{:.0}", state.pos() as f64 / begin.elapsed().as_secs_f64());
            };
            bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
        }
        let mut is_shown = false;
        loop {
            let (way, step) = self.in_hand();
            bar.set_length(self.progress.total() as u64);
            bar.set_position(self.progress.done() as u64);
            bar.set_prefix(way);
            bar.set_message(step);
            if !std::mem::replace(&mut is_shown, true) {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            if self.is_over_within(FRAME) {
                break bar.finish_and_clear();
            }
        }
    }

    fn lines(&self) {
        while !self.is_over_within(LINE) {
            let (way, step) = self.in_hand();
            let (done, total) = (self.progress.done(), self.progress.total());
            crate::cli::output::say(&format!("{way}: {done} of {total} steps  {step}"));
        }
    }
}
