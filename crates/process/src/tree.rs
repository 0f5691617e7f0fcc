//! All processes that stem from one start, however they forked, and their end.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitOptions, waitpid};

use crate::signal;

/// The variable that marks every process of a run; a daemon that forks away still carries it.
pub const MARK: &str = "SEAWORTHY_LAB";

/// A line of `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub pid: u32,
    pub parent: u32,
    pub group: u32,
    /// In clock ticks since boot: with the pid, it identifies a process.
    pub started: u64,
    pub zombie: bool,
    pub stopped: bool,
    pub name: String,
}

fn parse_stat(text: &str) -> Option<Entry> {
    let (pid, rest) = text.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<_> = rest.split(' ').collect();
    Some(Entry {
        pid: pid.parse().ok()?,
        name: name.to_owned(),
        zombie: matches!(*fields.first()?, "Z" | "X"),
        stopped: *fields.first()? == "T",
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// The process with this id, if there is one.
pub fn find(pid: u32) -> Option<Entry> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn all() -> Vec<Entry> {
    let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
    folder
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(find)
        .collect()
}

/// What belongs together: a leader's group and descendants, and whatever carries the mark.
#[derive(Debug, Clone)]
pub struct Family {
    /// Process groups and ancestors.
    pub leaders: Vec<u32>,
    /// The value of [`MARK`], or a beginning of it that ends in `/`.
    pub mark: String,
}

impl Family {
    /// Its living members, zombies left out; never this process itself.
    pub fn members(&self) -> Vec<Entry> {
        let all = all();
        let me = std::process::id();
        let mut ids: BTreeSet<u32> = all
            .iter()
            .filter(|entry| {
                self.leaders.contains(&entry.pid)
                    || self.leaders.contains(&entry.group)
                    || self.marks(entry.pid)
            })
            .map(|entry| entry.pid)
            .collect();
        ids.remove(&me);
        loop {
            let more: Vec<_> = all
                .iter()
                .filter(|e| ids.contains(&e.parent) && e.pid != me && !ids.contains(&e.pid))
                .map(|entry| entry.pid)
                .collect();
            if more.is_empty() {
                break;
            }
            ids.extend(more);
        }
        all.into_iter().filter(|entry| ids.contains(&entry.pid) && !entry.zombie).collect()
    }

    fn marks(&self, pid: u32) -> bool {
        if self.mark.is_empty() {
            return false;
        }
        let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) else { return false };
        environ.split(|byte| *byte == 0).any(|entry| {
            let value = entry.strip_prefix(MARK.as_bytes()).and_then(|v| v.strip_prefix(b"="));
            value.is_some_and(|value| {
                if self.mark.ends_with('/') {
                    value.starts_with(self.mark.as_bytes())
                } else {
                    value == self.mark.as_bytes()
                }
            })
        })
    }

    /// Kills every member and waits until none is left. Returns who could not be killed.
    pub fn kill(&self) -> Vec<Entry> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let members = self.members();
            if members.is_empty() || Instant::now() > deadline {
                reap_adopted();
                return members;
            }
            for member in &members {
                // It may have ended in between; the next look decides.
                let _ = signal::send(member.pid, "SIGKILL");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The processes that were started here and that somebody waits for.
static OWN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Notes that somebody waits for this process, or (`false`) has done so.
pub fn own(pid: u32, waited_for: bool) {
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if waited_for {
        own.insert(pid)
    } else {
        own.remove(&pid)
    };
}

/// Reaps processes that were adopted because their parents died. The main processes are reaped by
/// those who wait for them.
pub fn reap_adopted() {
    let me = std::process::id();
    let own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    let dead = all().into_iter().filter(|entry| entry.parent == me && entry.zombie);
    for entry in dead.filter(|entry| !own.contains(&entry.pid)) {
        if let Some(pid) = i32::try_from(entry.pid).ok().and_then(Pid::from_raw) {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// Ends the processes that left every family (another session, another environment, their parents
/// dead) and were adopted here, with their descendants. To be called when nothing else is left to
/// run. Returns them.
pub fn end_strays() -> Vec<Entry> {
    let me = std::process::id();
    let own = OWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let adopted = || -> Vec<u32> {
        let adopted = all().into_iter().filter(|entry| entry.parent == me && !entry.zombie);
        adopted.filter(|entry| !own.contains(&entry.pid)).map(|entry| entry.pid).collect()
    };
    // Those who only just lost their parent may be about to end by themselves.
    let deadline = Instant::now() + Duration::from_millis(300);
    let mut leaders = adopted();
    while !leaders.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        leaders = adopted();
    }
    if leaders.is_empty() {
        return Vec::new();
    }
    let family = Family { leaders, mark: String::new() };
    let members = family.members();
    family.kill();
    members
}

/// Makes this process adopt orphans of its descendants, so that none escapes to the init process.
///
/// # Errors
/// When the kernel refuses.
pub fn adopt_orphans() -> std::io::Result<()> {
    let me = rustix::process::getpid();
    Ok(rustix::process::set_child_subreaper(Some(me))?)
}

/// How long the thread of these processes that worked most was ready to run while the processor was
/// given to somebody else (`schedstat`, proc(5)). Zero where the kernel does not count it.
pub fn waited_for_processor(pids: &[u32]) -> Duration {
    let busiest = thread_times(pids).into_iter().max();
    Duration::from_nanos(busiest.map_or(0, |(_, waited)| waited))
}

/// How long that thread has used a processor or waited for one.
pub fn wanted_processor(pids: &[u32]) -> Duration {
    let busiest = thread_times(pids).into_iter().max();
    Duration::from_nanos(busiest.map_or(0, |(worked, waited)| worked + waited))
}

/// For each thread, how long it used a processor and how long it waited for one, in nanoseconds.
fn thread_times(pids: &[u32]) -> Vec<(u64, u64)> {
    let threads = pids.iter().flat_map(|pid| {
        let folder = fs::read_dir(format!("/proc/{pid}/task"));
        folder.into_iter().flatten().flatten().map(|entry| entry.path().join("schedstat"))
    });
    let times = threads.filter_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        let mut fields = text.split_whitespace().map(|field| field.parse::<u64>().ok());
        Some((fields.next()??, fields.next()??))
    });
    times.collect()
}

/// The value of a variable in the environment that a process was given, if it can be read.
pub fn variable(pid: u32, name: &str) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environ.split(|byte| *byte == 0).find_map(|entry| {
        let (key, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
        (key == name).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_parses() {
        let text = "42 (a) b (c)) S 1 40 40 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 777 1 1";
        let entry = parse_stat(text).expect("it is a stat line");
        assert_eq!((entry.pid, entry.parent, entry.group, entry.started), (42, 1, 40, 777));
        assert_eq!(entry.name, "a) b (c)");
        assert!(!entry.zombie);
    }

    #[test]
    fn the_wait_for_a_processor_is_no_longer_than_life() {
        let waited = waited_for_processor(&[std::process::id()]);
        assert!(waited < Duration::from_secs(3600), "{waited:?}");
        assert_eq!(waited_for_processor(&[]), Duration::ZERO);
    }

    #[test]
    fn this_process_is_found() {
        assert!(find(std::process::id()).is_some_and(|entry| !entry.zombie));
    }
}
