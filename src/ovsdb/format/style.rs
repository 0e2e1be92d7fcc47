use std::str::FromStr;

/// How tables are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// `--format`
    pub format: Format,
    /// `--data`
    pub cells: CellFormat,
    /// Whether columns are named: not with `--no-headings`.
    pub headings: bool,
    /// `--pretty`
    pub pretty: bool,
    /// `--max-column-width`, in bytes; zero is no limit. Only for [`Format::Table`].
    pub max_column_width: usize,
}

impl Default for Style {
    /// As ovsdb-client has it.
    fn default() -> Self {
        Self { format: Format::Table, cells: CellFormat::String, headings: true, pretty: false, max_column_width: 0 }
    }
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Columns side by side.
    Table,
    /// A line a cell.
    List,
    /// An HTML table.
    Html,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A JSON object a table.
    Json,
}

/// `--data`: how a cell with a value of the database is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellFormat {
    /// As ovs-vsctl(8) reads it.
    String,
    /// Without quotes and brackets, for scripts.
    Bare,
    /// As JSON.
    Json,
}

/// A word that names no format, in ovsdb-client's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Not one of `table`, `list`, `html`, `csv`, `json`.
    #[error("unknown output format \"{0}\"")]
    Output(String),
    /// Not one of `string`, `bare`, `json`.
    #[error("unknown data format \"{0}\"")]
    Data(String),
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text {
            "table" => Ok(Self::Table),
            "list" => Ok(Self::List),
            "html" => Ok(Self::Html),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            _ => Err(FormatError::Output(text.to_owned())),
        }
    }
}

impl FromStr for CellFormat {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text {
            "string" => Ok(Self::String),
            "bare" => Ok(Self::Bare),
            "json" => Ok(Self::Json),
            _ => Err(FormatError::Data(text.to_owned())),
        }
    }
}
