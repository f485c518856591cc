//! The start of a program with `clone`.

use std::ffi::{CString, OsStr, c_char, c_int, c_void};
use std::io::{Error, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

/// The stack of the new process until it has become the program. What runs on it calls nothing but
/// the system; the C library takes as much.
const STACK_BYTES: usize = 32 * 1024;

/// How a stack must be aligned, on every architecture.
const STACK_ALIGNMENT_BYTES: usize = 16;

/// Where programs are looked for that are named without a path, if there is no `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The number behind that of the last signal.
const SIGNALS_END: c_int = 65;

/// A program to start, in a process group of its own, with no signal blocked and all but those at
/// their default actions that this process ignores.
#[derive(Debug)]
pub struct ProgramStart<'a> {
    /// Its path, or its name, for which the folders of the `PATH` in `environment` are searched.
    pub program: &'a OsStr,
    /// Its arguments, without its name.
    pub arguments: &'a [&'a OsStr],
    /// All of its variables.
    pub environment: &'a [(&'a OsStr, &'a OsStr)],
    /// The folder where it starts.
    pub folder: &'a Path,
    /// Its input, its output and its errors.
    pub streams: [BorrowedFd<'a>; 3],
}

/// A process that has become its program.
#[derive(Debug)]
pub struct Started {
    /// Its number, which is that of its group, too.
    pub id: u32,
    /// A descriptor that can be read when it has ended. Somebody must wait for the process then.
    pub process: OwnedFd,
}

/// Whether the system makes processes with descriptors: Linux does since version 5.3, where no
/// filter of system calls prevents it.
pub fn is_supported() -> bool {
    static IS_SUPPORTED: OnceLock<bool> = OnceLock::new();
    *IS_SUPPORTED.get_or_init(opens_itself)
}

/// Whether this process gets a descriptor of itself.
#[expect(
    unsafe_code,
    reason = "a system call for which the C library may have no function"
)]
fn opens_itself() -> bool {
    // SAFETY: the call takes two numbers, and what it returns is a new descriptor or -1.
    unsafe {
        let process = libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0);
        let process = RawFd::try_from(process).unwrap_or(-1);
        process >= 0 && {
            drop(OwnedFd::from_raw_fd(process));
            true
        }
    }
}

/// Starts a program, on a system where that [is supported](is_supported).
///
/// # Errors
///
/// Why the system does not start it: as `posix_spawnp` says it, where the folder cannot be entered,
/// no such program is there, or it cannot be executed. [`ErrorKind::InvalidInput`] where a text
/// holds a NUL.
pub fn start(program: &ProgramStart<'_>) -> Result<Started, Error> {
    let paths = paths(program)?;
    let mut arguments = vec![c_string(program.program)?];
    for argument in program.arguments {
        arguments.push(c_string(argument)?);
    }
    let mut variables = Vec::with_capacity(program.environment.len());
    for (name, text) in program.environment {
        let mut variable = Vec::with_capacity(name.len() + text.len() + 2);
        variable.extend_from_slice(name.as_bytes());
        variable.push(b'=');
        variable.extend_from_slice(text.as_bytes());
        variables.push(CString::new(variable)?);
    }
    let folder = c_string(program.folder.as_os_str())?;
    // A stream that stood where another one goes would be replaced before it is used.
    let mut moved = Vec::new();
    let mut streams: [RawFd; 3] = [0; 3];
    for (stream, given) in streams.iter_mut().zip(program.streams) {
        *stream = given.as_raw_fd();
        if *stream < 3 {
            // This copy has the next free number, which is behind all three.
            let copy = given.try_clone_to_owned()?;
            *stream = copy.as_raw_fd();
            moved.push(copy);
        }
    }
    let paths = pointers(&paths);
    let arguments = pointers(&arguments);
    let variables = pointers(&variables);
    let mut task = ChildTask {
        paths: paths.as_ptr(),
        arguments: arguments.as_ptr(),
        variables: variables.as_ptr(),
        folder: folder.as_ptr(),
        streams,
        handled: [false; SIGNALS_END as usize],
        error: 0,
    };
    // What `task` points to lives until the new process has become its program or has ended, as
    // this thread goes on only then.
    clone(&mut task)
}

/// A text as the system takes it.
fn c_string(text: &OsStr) -> Result<CString, Error> {
    Ok(CString::new(text.as_bytes())?)
}

/// The pointers to texts, with the null behind them that ends such a list.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    let all = texts.iter().map(|text| text.as_ptr());
    all.chain([ptr::null()]).collect()
}

/// The paths that a program may have, in the order in which they are tried.
fn paths(program: &ProgramStart<'_>) -> Result<Vec<CString>, Error> {
    let name = program.program.as_bytes();
    if name.is_empty() {
        return Err(Error::from(ErrorKind::NotFound));
    }
    if name.contains(&b'/') {
        return Ok(vec![CString::new(name)?]);
    }
    let variables = program.environment.iter().rev();
    let path = variables
        .filter(|(variable, _)| *variable == "PATH")
        .map(|(_, path)| path.as_bytes())
        .next()
        .unwrap_or(DEFAULT_PATH.as_bytes());
    let folders = path.split(|byte| *byte == b':');
    let found = folders.map(|folder| {
        let mut path = Vec::with_capacity(folder.len() + name.len() + 2);
        path.extend_from_slice(folder);
        // No folder between two colons is the one where the program starts.
        if !folder.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Ok(CString::new(path)?)
    });
    found.collect()
}

/// What the new process does, and how it fails. All pointers are those of lists and texts that end
/// with a null.
struct ChildTask {
    paths: *const *const c_char,
    arguments: *const *const c_char,
    variables: *const *const c_char,
    folder: *const c_char,
    streams: [RawFd; 3],
    /// The signals for which this process has functions, by their numbers: they must not be called
    /// in the new process, which has the memory of this one.
    handled: [bool; SIGNALS_END as usize],
    /// Why there is no program, as the system's number; 0 where there is one.
    error: c_int,
}

/// Makes a process for a task, and waits until it has become its program.
#[expect(unsafe_code, reason = "the process borrows the memory of this one")]
fn clone(task: &mut ChildTask) -> Result<Started, Error> {
    let mut stack: Vec<MaybeUninit<u8>> = Vec::with_capacity(STACK_BYTES);
    let mut process: RawFd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: the stack grows downwards from an aligned address in memory that is its own. `task`
    // and all that it points to, the stack and `process` live until `clone` returns, and because of
    // CLONE_VFORK it returns only when the new process has done with this memory. Nothing else
    // reads or writes `task` meanwhile. All signals are blocked, so that no function of this
    // process is called in the new one; it unblocks them when it has none any more. What
    // `become_program` does is said there.
    let (id, failed) = unsafe {
        let end = stack.as_mut_ptr().add(STACK_BYTES);
        let top = end.sub(end.addr() % STACK_ALIGNMENT_BYTES);
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        for (number, handled) in (0..).zip(&mut task.handled) {
            let mut action = MaybeUninit::<libc::sigaction>::uninit();
            *handled = libc::sigaction(number, ptr::null(), action.as_mut_ptr()) == 0
                && !matches!(
                    action.assume_init_ref().sa_sigaction,
                    libc::SIG_DFL | libc::SIG_IGN
                );
        }
        let id = libc::clone(
            become_program,
            top.cast(),
            flags,
            ptr::from_mut(task).cast(),
            &raw mut process,
        );
        let failed = Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        (id, failed)
    };
    let Ok(id) = u32::try_from(id) else {
        return Err(failed);
    };
    if task.error != 0 {
        reap(id);
        return Err(Error::from_raw_os_error(task.error));
    }
    if process < 0 {
        return Err(Error::from(ErrorKind::Unsupported));
    }
    // SAFETY: the system has made it for this call, so nobody else closes it.
    let process = unsafe { OwnedFd::from_raw_fd(process) };
    Ok(Started { id, process })
}

/// Waits for a process that has ended without becoming its program.
#[expect(unsafe_code, reason = "the C library's function")]
fn reap(id: u32) {
    loop {
        // SAFETY: no pointer is given but null, which it takes.
        let reaped = unsafe { libc::waitpid(id as libc::pid_t, ptr::null_mut(), 0) };
        if reaped >= 0 || Error::last_os_error().kind() != ErrorKind::Interrupted {
            return;
        }
    }
}

/// What the new process does: it becomes the program, or says why it cannot, and ends.
///
/// It has the memory of the process that made it, and its thread's variables, so it takes no lock,
/// allocates nothing, and calls only functions of the C library that go straight to the system.
#[expect(unsafe_code, reason = "the functions of the C library")]
extern "C" fn become_program(task: *mut c_void) -> c_int {
    // SAFETY: `task` is the `ChildTask` that `clone` was given, which nobody else uses meanwhile.
    // Its lists and texts end with a null. `sigaction` is all zeros but for what is set, which is
    // a valid one. `_exit` runs nothing of this process.
    unsafe {
        let task = &mut *task.cast::<ChildTask>();
        task.error = become_or_fail(task);
        libc::_exit(127)
    }
}

/// Becomes the program. Returns only where that fails: the number of the error.
///
/// # Safety
///
/// As that of [`become_program`].
#[expect(unsafe_code, reason = "the functions of the C library")]
unsafe fn become_or_fail(task: &ChildTask) -> c_int {
    // SAFETY: see `become_program`.
    unsafe {
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        for (number, handled) in (0..).zip(&task.handled) {
            // This process ignores SIGPIPE, as every program in Rust; others do not expect that.
            if *handled || number == libc::SIGPIPE {
                libc::sigaction(number, &raw const default, ptr::null_mut());
            }
        }
        if libc::setpgid(0, 0) != 0 {
            return last_error();
        }
        for (to, stream) in (0..).zip(&task.streams) {
            if libc::dup2(*stream, to) < 0 {
                return last_error();
            }
        }
        if libc::chdir(task.folder) != 0 {
            return last_error();
        }
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        let mut path = task.paths;
        let mut denied = false;
        let mut error = libc::ENOENT;
        while !(*path).is_null() {
            libc::execve(*path, task.arguments, task.variables);
            error = last_error();
            match error {
                libc::EACCES => denied = true,
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return error,
            }
            path = path.add(1);
        }
        if denied { libc::EACCES } else { error }
    }
}

/// The number of the last error of this thread.
#[expect(unsafe_code, reason = "the C library's variable")]
fn last_error() -> c_int {
    // SAFETY: the thread's variable always exists.
    unsafe { *libc::__errno_location() }
}
