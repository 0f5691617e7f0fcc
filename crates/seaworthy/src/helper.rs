//! The helpers of a run are this program too, so that there is one file to install. Each has a word
//! of its own that no person types.

use std::process::ExitCode;

use crate::exit;
use crate::screen;

/// Serves as a helper when the first argument asks for one.
pub(crate) fn serve() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let word = words.next()?;
    let result = match word.to_str()? {
        process::keeper::WORD => {
            let record = words.next().unwrap_or_default();
            process::keeper::serve(record.as_ref()).map_err(|error| error.to_string())
        }
        isolation::outside::WORD => {
            isolation::outside::serve();
            Ok(())
        }
        isolation::PROBE => {
            let mut path = || std::path::PathBuf::from(words.next().unwrap_or_default());
            isolation::serve_probe(&path(), &path())
        }
        // It returns only when the program could not be executed.
        isolation::WORD => Err(isolation::serve_launcher(words)),
        _ => return None,
    };
    Some(match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            screen::message(&format!("{}\n", why.trim_end()));
            exit::INTERNAL.into()
        }
    })
}
