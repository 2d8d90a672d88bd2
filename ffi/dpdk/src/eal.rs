//! The environment abstraction layer: started once, kept alive by everything that needs it.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::mempool::RetiredPool;
use crate::options::EalOptions;
use crate::{Error, error, log};

/// DPDK can be started once in the life of a process, even after a clean end or a failed start.
static STARTED: AtomicBool = AtomicBool::new(false);

/// DPDK's environment. Clones are handles of the same one; it ends when the last handle, pool, port, queue and
/// thread registration is gone. (An `Eal` in a `static` is never dropped, and then DPDK's files, if it was not
/// started in memory, stay until the next start with the same prefix.)
#[derive(Clone, Debug)]
pub struct Eal {
    inner: Arc<EalInner>,
}

#[derive(Debug)]
struct EalInner {
    /// Dropping the sender without a word leaves EAL as it is; a word has it cleaned up.
    end: Option<(Sender<()>, JoinHandle<()>)>,
    threads: Mutex<Threads>,
    /// The ports that a `Port` holds. Its lock also serialises hot-plugging, which DPDK does not by itself.
    ports: Mutex<BTreeSet<u16>>,
}

/// Which threads may have a mempool cache, and the pools that wait for them.
#[derive(Debug, Default)]
struct Threads {
    registered: usize,
    retired: Vec<RetiredPool>,
}

impl Eal {
    /// Starts DPDK, on a thread of its own that is the main lcore and carries no packets: so the calling thread
    /// keeps its affinity, and may be any.
    ///
    /// Devices of [`EalOptions::vdev`] are made in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] before anything was started; [`Error::AlreadyInitialised`] when the process has
    /// called this before; [`Error::Dpdk`] with what DPDK logged when it cannot start. A second attempt after
    /// that is refused too: DPDK leaves its state undefined.
    pub fn init(options: &EalOptions) -> Result<Self, Error> {
        let mut arguments = vec![CString::from(c"dpdk")];
        for argument in options.arguments()? {
            let bytes = CString::new(argument)
                .map_err(|error| Error::InvalidOption(format!("an option has a NUL byte: {error}")))?;
            arguments.push(bytes);
        }
        if STARTED.swap(true, Ordering::AcqRel) {
            return Err(Error::AlreadyInitialised);
        }
        log::install(options.sink())?;
        let (result_sender, result) = channel();
        let (end, end_receiver) = channel();
        let main = thread::Builder::new()
            .name("eal-main".to_owned())
            .spawn(move || main_lcore(arguments, &result_sender, &end_receiver))
            .map_err(|error| Error::InvalidOption(format!("no thread for EAL: {error}")))?;
        result.recv().unwrap_or(Err(Error::AlreadyInitialised))?;
        let inner = EalInner {
            end: Some((end, main)),
            threads: Mutex::new(Threads::default()),
            ports: Mutex::new(BTreeSet::new()),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The release of DPDK in use, such as "DPDK 22.11.11".
    pub fn version() -> String {
        // SAFETY: rte_version may be called at any time, and returns a NUL-terminated string that is never
        // freed; it is copied here.
        unsafe { CStr::from_ptr(dpdk_sys::rte_version()) }.to_string_lossy().into_owned()
    }

    /// Gives the calling thread an lcore id, and with it a cache of its own in every pool, until the guard is
    /// dropped. A worker should hold one; a thread without one works too, only slower: it shares the pool's ring.
    ///
    /// # Errors
    /// [`Error::ThreadRegistered`]; [`Error::Dpdk`] when all lcore ids are in use.
    pub fn register_thread(&self) -> Result<ThreadRegistration, Error> {
        let mut threads = self.threads();
        if has_lcore() {
            return Err(Error::ThreadRegistered);
        }
        let (rc, logged) = log::capture(|| {
            // SAFETY: EAL runs (an `Eal` exists), and this thread has no lcore id yet, as was checked.
            unsafe { dpdk_sys::rte_thread_register() }
        });
        if rc != 0 {
            return Err(error::from_code("rte_thread_register", error::errno(), &logged));
        }
        threads.registered += 1;
        drop(threads);
        Ok(ThreadRegistration { eal: self.clone(), not_send: PhantomData })
    }

    /// Takes over a pool whose last handle is gone: frees it now, or as soon as its packet buffers are back and
    /// no thread can still be busy with them.
    pub(crate) fn retire(&self, pool: RetiredPool) {
        let mut threads = self.threads();
        threads.retired.push(pool);
        threads.reclaim();
    }

    /// The ports in use, locked; hold it while probing or removing devices.
    pub(crate) fn ports(&self) -> MutexGuard<'_, BTreeSet<u16>> {
        self.inner.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of EAL's main thread: start, wait, clean up if told so.
fn main_lcore(arguments: Vec<CString>, result: &Sender<Result<(), Error>>, end: &Receiver<()>) {
    // EAL keeps pointers into its arguments and permutes them: they live as long as the process, and are C's.
    let mut argv: Vec<*mut c_char> = arguments.into_iter().map(CString::into_raw).collect();
    let argc = i32::try_from(argv.len()).unwrap_or(i32::MAX);
    argv.push(std::ptr::null_mut());
    let argv = Vec::leak(argv).as_mut_ptr();
    let (rc, logged) = log::capture(|| {
        // SAFETY: `argv` holds `argc` NUL-terminated strings and a closing null; all are leaked above, so they
        // are valid for ever and nothing in Rust looks at them again. `STARTED` makes this call the only one.
        unsafe { dpdk_sys::rte_eal_init(argc, argv) }
    });
    let started =
        if rc < 0 { Err(error::from_code("rte_eal_init", error::errno(), &logged)) } else { Ok(()) };
    let failed = started.is_err();
    if result.send(started).is_err() || failed {
        return;
    }
    if end.recv().is_ok() {
        // SAFETY: the word comes from `EalInner::drop` alone: no `Eal`, and so no pool, port, queue or
        // registration exists any more (each holds an `Eal`), and no packet buffer is outstanding (it asked for
        // cleaning up only because every pool could be freed). Nothing of DPDK is used after this.
        unsafe { dpdk_sys::rte_eal_cleanup() };
    }
}

impl Drop for EalInner {
    fn drop(&mut self) {
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        threads.reclaim();
        let Some((end, main)) = self.end.take() else { return };
        // A packet buffer that outlives everything needs its memory: then EAL stays until the process ends.
        if threads.retired.is_empty() && end.send(()).is_ok() {
            let _ = main.join();
        }
    }
}

impl Threads {
    /// Frees the retired pools that nobody uses.
    ///
    /// A pool is counted as whole while the thread that returns the last buffer may still be writing it into
    /// *its own cache*. Only registered threads have caches; so nothing is freed while another one exists. A
    /// thread without a cache returns buffers through the pool's ring, where counting the buffer is its last
    /// access to the pool.
    fn reclaim(&mut self) {
        let own = usize::from(has_lcore());
        if self.registered > own {
            return;
        }
        self.retired.retain(|pool| !pool.free_if_whole());
    }
}

fn has_lcore() -> bool {
    // SAFETY: reads a thread-local integer.
    unsafe { dpdk_sys::dpdk_shim_has_lcore() }
}

/// The calling thread's lcore id, given back when this is dropped. It cannot leave its thread.
#[derive(Debug)]
pub struct ThreadRegistration {
    eal: Eal,
    not_send: PhantomData<*const ()>,
}

impl Drop for ThreadRegistration {
    fn drop(&mut self) {
        let mut threads = self.eal.threads();
        // SAFETY: not being `Send`, this guard is dropped in the thread that made it, which therefore still has
        // the lcore id of `register_thread`; the `Eal` within keeps EAL running.
        unsafe { dpdk_sys::rte_thread_unregister() };
        threads.registered -= 1;
        threads.reclaim();
    }
}
