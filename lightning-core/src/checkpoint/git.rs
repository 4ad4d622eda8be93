//! The commit that is checked out in the working folder, read from git's files.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Returns the commit of the working folder; `None` without a repository, or with references in
/// another format than files.
pub(crate) fn commit() -> Option<String> {
    commit_of(&env::current_dir().ok()?)
}

fn commit_of(folder: &Path) -> Option<String> {
    let git = folder.ancestors().find_map(git_folder)?;
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let head = head.trim();
    let Some(reference) = head.strip_prefix("ref: ") else { return is_commit(head).then(|| head.to_owned()) };
    // A linked worktree has its own HEAD, but shares the branches of the repository.
    let common =
        fs::read_to_string(git.join("commondir")).map_or_else(|_| git.clone(), |common| git.join(common.trim()));
    let loose = fs::read_to_string(common.join(reference)).ok().map(|commit| commit.trim().to_owned());
    loose.or_else(|| packed(&common, reference)).filter(|commit| is_commit(commit))
}

/// Returns `.git`, or the folder that a file of that name points to.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    Some(folder.join(text.strip_prefix("gitdir: ")?.trim()))
}

fn packed(git: &Path, reference: &str) -> Option<String> {
    let text = fs::read_to_string(git.join("packed-refs")).ok()?;
    text.lines().find_map(|line| {
        let (commit, name) = line.split_once(' ')?;
        (name == reference).then(|| commit.to_owned())
    })
}

fn is_commit(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn branches_packed_or_not_and_detached_heads() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join(".git");
        let inside = folder.path().join("a/b");
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::create_dir_all(&inside).unwrap();
        assert_eq!(commit_of(&inside), None);
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(commit_of(&inside), None, "a branch without a commit");
        fs::write(git.join("packed-refs"), format!("# pack-refs\n{COMMIT} refs/heads/main\n")).unwrap();
        assert_eq!(commit_of(&inside).as_deref(), Some(COMMIT));
        let newer = COMMIT.replace('0', "f");
        fs::write(git.join("refs/heads/main"), format!("{newer}\n")).unwrap();
        assert_eq!(commit_of(&inside), Some(newer));
        fs::write(git.join("HEAD"), format!("{COMMIT}\n")).unwrap();
        assert_eq!(commit_of(&inside).as_deref(), Some(COMMIT));
        fs::write(git.join("HEAD"), "garbage").unwrap();
        assert_eq!(commit_of(&inside), None);
    }

    #[test]
    fn a_linked_worktree() {
        let folder = tempfile::tempdir().unwrap();
        let (main, linked) = (folder.path().join("main/.git"), folder.path().join("linked"));
        let own = main.join("worktrees/linked");
        fs::create_dir_all(main.join("refs/heads")).unwrap();
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(&linked).unwrap();
        fs::write(linked.join(".git"), format!("gitdir: {}\n", own.display())).unwrap();
        fs::write(own.join("HEAD"), "ref: refs/heads/topic\n").unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        fs::write(main.join("refs/heads/topic"), COMMIT).unwrap();
        assert_eq!(commit_of(&linked).as_deref(), Some(COMMIT));
    }
}
