//! `convert` for arrays and tables: .npy, .npz and .csv files and folders of them ↔ datasets of an .h5 file.
//!
//! In: [`sources`] lists what there is, [`take`] makes datasets of it; [`npy`] reads arrays (their types by [`dtype`],
//! their headers by [`literal`]), [`table`] CSV. Out: [`give`] with [`save`] and [`cells`].

mod cells;
mod dtype;
mod give;
mod literal;
mod npy;
mod save;
mod sources;
mod staging;
mod table;
mod take;

pub(super) use give::{Kind, run as give};
pub(super) use sources::{is_array_file, is_tree};
pub use table::{CellType, HeaderLine};
pub(super) use take::run as take;

/// The options for arrays and tables.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Arrays and tables")]
pub struct Arrays {
    /// Take the .npy, .npz and .csv files of a folder, each a dataset, and not its images
    #[arg(long)]
    pub arrays: bool,

    /// Types of CSV columns, in place of those found in them: id=u32,name=str. There are bool, i8 to i64, u8 to u64,
    /// f32, f64, str
    #[arg(long, value_name = "COL=TYPE,…", value_delimiter = ',', value_parser = column_type)]
    pub types: Vec<(String, CellType)>,

    /// What stands between the cells of a CSV file, `tab` for a tabulator [default: what its first line has most of]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub delimiter: Option<u8>,

    /// Whether the first line of a CSV file names its columns
    #[arg(long, value_enum, default_value_t, value_name = "WHETHER")]
    pub header: HeaderLine,

    /// What a CSV file becomes
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub tables: Tables,
}

/// What becomes of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Tables {
    /// One dataset of compounds by the Table convention, a row each: pandas.DataFrame(file["name"][:])
    #[default]
    Rows,
    /// A group with a dataset for each column
    Columns,
}

fn column_type(text: &str) -> Result<(String, CellType), String> {
    let (name, cell) = text.rsplit_once('=').ok_or("write NAME=TYPE, like id=u32")?;
    Ok((name.to_owned(), cell.parse()?))
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, &[one]) if one.is_ascii() && !one.is_ascii_alphanumeric() && one != b'"' && one != b'\n' => Ok(one),
        _ => Err("write one character, like ; or tab".to_owned()),
    }
}
