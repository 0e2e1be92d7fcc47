//! `docs/cookbook.md` as recipes.

use std::path::Path;

/// A section of the page that is done by hand and with ovsns.
#[derive(Debug)]
pub struct Recipe {
    pub title: String,
    /// The recipe on whose end state this one stands.
    pub goes_on_from: Option<String>,
    /// What the reader has before, by a name of [`super::stage`].
    pub stage: Option<String>,
    /// What it needs of the machine, by the names of `require::Feature`.
    pub needs: Vec<String>,
    /// How the lines of the end state begin in which the two sides differ.
    pub differs: Vec<String>,
    pub by_hand: String,
    /// What there is more to do by hand where Open vSwitch forwards in user space.
    pub in_user_space: String,
    pub with_ovsns: String,
    /// Commands that succeed on both sides.
    pub checks: Vec<String>,
    /// A namespace and a port at which somebody listens while they run, `ns1:80`.
    pub serves: Option<String>,
}

/// Stands above the commands of each side.
const BY_HAND: &str = "**By hand**";
const WITH_OVSNS: &str = "**With ovsns**";
const IN_USER_SPACE: &str = "**By hand, in user space**";
const GOES_ON: &str = "Goes on from [";

/// All recipes of the page, in its order.
pub fn recipes() -> Vec<Recipe> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cookbook.md");
    let text = std::fs::read_to_string(path).unwrap();
    text.split("\n## ").skip(1).filter(|section| section.contains(BY_HAND)).map(recipe).collect()
}

impl Recipe {
    /// The title as the name of a test.
    pub fn name(&self) -> String {
        let title = self.title.to_lowercase();
        title
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == ' ')
            .map(|c| if c == ' ' { '_' } else { c })
            .collect()
    }
}

fn recipe(section: &str) -> Recipe {
    let (title, body) = section.split_once('\n').unwrap();
    let notes = |name: &str| -> Vec<String> {
        let opening = format!("<!-- {name}: ");
        let notes = body.lines().filter_map(|line| line.strip_prefix(&opening)?.strip_suffix(" -->"));
        notes.map(str::to_owned).collect()
    };
    let (_, sides) = body.split_once(BY_HAND).unwrap();
    let (by_hand, with_ovsns) = sides.split_once(WITH_OVSNS).unwrap_or_else(|| panic!("{title}: no {WITH_OVSNS}"));
    let (commands, rest) = fence(with_ovsns, "sh").unwrap_or_else(|| panic!("{title}: no commands"));
    let in_user_space = rest.split_once(IN_USER_SPACE).and_then(|(_, rest)| fence(rest, "sh"));
    let goes_on_from = body.split_once(GOES_ON).map(|(_, rest)| rest.split_once(']').unwrap().0.replace('\n', " "));
    Recipe {
        title: title.trim().to_owned(),
        goes_on_from,
        stage: notes("stage").pop(),
        needs: notes("needs").iter().flat_map(|needs| needs.split(", ")).map(str::to_owned).collect(),
        differs: notes("differs"),
        by_hand: fence(by_hand, "sh").unwrap_or_else(|| panic!("{title}: no commands")).0,
        in_user_space: in_user_space.map(|(commands, _)| commands).unwrap_or_default(),
        with_ovsns: commands,
        checks: fence(rest, "console")
            .map(|(text, _)| prompts(&text))
            .into_iter()
            .flatten()
            .chain(notes("check"))
            .collect(),
        serves: notes("serves").pop(),
    }
}

/// The first block of this language in `text`, and what follows it.
fn fence<'a>(text: &'a str, language: &str) -> Option<(String, &'a str)> {
    let (_, rest) = text.split_once(&format!("\n```{language}\n"))?;
    let (block, rest) = rest.split_once("\n```\n")?;
    Some((block.to_owned(), rest))
}

/// What was typed behind the prompts.
fn prompts(console: &str) -> Vec<String> {
    console.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect()
}
