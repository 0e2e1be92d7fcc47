//! A capture as the commands that do the same.

use serde_json::json;

use super::mirror;
use super::target::Target;
use super::{Capture, is_stdout};
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::model::Place;
use crate::plan::{enter, quote};

/// With `--explain` tcpdump, and what makes and takes away the mirror if it takes one; with `--dry-run` the plan of the mirror.
pub async fn explain(capture: &Capture, session: &Session<'_>, target: &Target) -> Result<Report, Failure> {
    match target.mirrored().filter(|_| capture.dev.is_empty()) {
        Some(switch) => {
            let [there, back] = mirror::explained(session, switch, &capture.change).await?;
            let place = Place::Named(mirror::NETNS.parse()?);
            let watched = || capturing(capture, &place, &[mirror::INSIDE.to_owned()]);
            Ok(if capture.change.explain { joined([there, watched(), back]) } else { there })
        }
        None => {
            let watched = target.watched(&capture.dev)?;
            let devices: Vec<String> = match target {
                Target::Place(_) if capture.dev.is_empty() => vec!["any".to_owned()],
                _ => watched.devices.iter().map(|device| device.name.clone()).collect(),
            };
            Ok(match capture.change.explain {
                true => capturing(capture, &watched.place, &devices),
                false => Report::new("nothing to do", json!({"plan": [], "applied": false})),
            })
        }
    }
}

/// The step that is no change.
fn capturing(capture: &Capture, place: &Place, devices: &[String]) -> Report {
    let commands: Vec<String> = devices.iter().map(|device| command(capture, place, device)).collect();
    let step = format!("capture {}", capture.target);
    let text = format!("# {step}\n{}", commands.join("\n"));
    Report::new(text, json!({"explain": [{"step": step, "commands": commands}], "applied": false}))
}

fn joined(reports: [Report; 3]) -> Report {
    let text = reports.iter().map(|report| report.text.as_str()).collect::<Vec<_>>().join("\n");
    let steps = reports.iter().filter_map(|report| report.json["explain"].as_array()).flatten();
    Report::new(text, json!({"explain": steps.collect::<Vec<_>>(), "applied": false}))
}

/// tcpdump, in the namespace at `place`.
fn command(capture: &Capture, place: &Place, device: &str) -> String {
    let mut line = format!("{}tcpdump -n -i {}", enter(place), quote(device));
    if let Some(count) = capture.count {
        line.push_str(&format!(" -c {count}"));
    }
    if capture.snaplen != super::SNAPLEN_MAX {
        line.push_str(&format!(" -s {}", capture.snaplen));
    }
    if let Some(path) = &capture.write {
        let file = if is_stdout(path) { "-".to_owned() } else { quote(&path.to_string_lossy()) };
        line.push_str(&format!(" -w {file}"));
    }
    if let Some(filter) = &capture.filter {
        line.push_str(&format!(" {}", quote(filter)));
    }
    match capture.seconds {
        Some(time) => format!("timeout {} {line}", time.as_secs_f64()),
        None => line,
    }
}
