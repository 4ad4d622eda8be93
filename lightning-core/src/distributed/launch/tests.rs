use super::*;
use crate::{ErrorKind, distributed::Pending};

const COMMAND: &str = "./train --epochs 3";

fn request(strategy: Wanted, devices: Option<usize>, num_nodes: usize) -> Request {
    Request { strategy, devices, num_nodes }
}

fn auto(devices: Option<usize>, num_nodes: usize) -> Request {
    request(Wanted::Auto, devices, num_nodes)
}

fn decide_with(request: &Request, variables: &[(&str, &str)]) -> Result<Decision> {
    let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    decide(request, &variable, COMMAND)
}

fn error(request: &Request, variables: &[(&str, &str)]) -> String {
    let error = decide_with(request, variables).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

fn mpirun(processes: &'static str) -> [(&'static str, &'static str); 2] {
    [("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", processes)]
}

const FOUR_OF_SLURM: [(&str, &str); 2] = [("SLURM_PROCID", "0"), ("SLURM_STEP_NUM_TASKS", "4")];

#[test]
fn one_process_trains_alone() {
    for request in [auto(None, 1), auto(Some(1), 1), request(Wanted::Ddp, None, 1)] {
        assert_eq!(decide_with(&request, &[]).unwrap(), Decision::Alone);
        assert_eq!(decide_with(&request, &mpirun("1")).unwrap(), Decision::Alone);
        assert_eq!(decide_with(&request, &[("RANK", "0"), ("WORLD_SIZE", "1")]).unwrap(), Decision::Alone);
    }
    // As in a search over settings, with one run for each task.
    let single = request(Wanted::SingleDevice, None, 1);
    assert_eq!(decide_with(&single, &FOUR_OF_SLURM).unwrap(), Decision::Alone);
}

#[test]
fn processes_of_a_launcher_train_together() {
    let world = |launcher, processes| Decision::World(Launched { launcher, processes });
    for request in [auto(None, 1), auto(Some(4), 1), auto(Some(2), 2), auto(None, 2), request(Wanted::Ddp, None, 1)] {
        assert_eq!(decide_with(&request, &mpirun("4")).unwrap(), world(Launcher::OpenMpi, 4));
        assert_eq!(decide_with(&request, &FOUR_OF_SLURM).unwrap(), world(Launcher::Slurm, 4));
    }
}

#[test]
fn a_program_that_was_started_alone_is_started_again() {
    assert_eq!(decide_with(&auto(Some(3), 1), &[]).unwrap(), Decision::Start(3));
    assert_eq!(decide_with(&request(Wanted::Ddp, Some(2), 1), &[]).unwrap(), Decision::Start(2));
}

#[test]
fn the_number_of_processes_must_be_that_of_the_devices() {
    assert_eq!(
        error(&auto(Some(2), 1), &mpirun("4")),
        "`devices(2)` must be started as 2 processes, one for each device, found 4 started by `mpirun`; help: start \
         `mpirun -n 2 ./train --epochs 3`, or write `.devices(4)`"
    );
    assert_eq!(
        error(&auto(Some(1), 1), &mpirun("4")),
        "`devices(1)` must be started as 1 process, one for each device, found 4 started by `mpirun`; help: start \
         `mpirun -n 1 ./train --epochs 3`, or write `.devices(4)`"
    );
    assert_eq!(
        error(&auto(Some(2), 1), &mpirun("1")),
        "`devices(2)` must be started as 2 processes, one for each device, found 1 started by `mpirun`; help: start \
         `mpirun -n 2 ./train --epochs 3`, or write `.devices(1)`"
    );
    assert_eq!(
        error(&auto(Some(2), 3), &FOUR_OF_SLURM),
        "`devices(2)` and `num_nodes(3)` must be started as 6 processes, one for each device, found 4 started by \
         `srun`; help: start `srun --nodes=3 --ntasks-per-node=2 ./train --epochs 3`, or write `.num_nodes(2)`"
    );
    assert_eq!(
        error(&auto(Some(3), 3), &[("PMI_RANK", "0"), ("PMI_SIZE", "4")]),
        "`devices(3)` and `num_nodes(3)` must be started as 9 processes, one for each device, found 4 started by \
         `mpiexec`; help: start `mpiexec -n 9 ./train --epochs 3`, or remove both settings"
    );
    assert_eq!(
        error(&auto(None, 3), &FOUR_OF_SLURM),
        "`num_nodes(3)`: every machine must have the same number of processes, found 4 started by `srun`; help: \
         start a multiple of 3, or remove `num_nodes`"
    );
}

#[test]
fn torchrun_does_not_connect_processes() {
    assert_eq!(
        error(&auto(None, 1), &[("RANK", "1"), ("WORLD_SIZE", "2")]),
        "the program was started by `torchrun` (`RANK` and `WORLD_SIZE` are set), which does not connect its 2 \
         processes by MPI; help: start it by `mpirun -n 2 ./train --epochs 3`, or by `srun`"
    );
}

#[test]
fn several_machines_need_a_launcher() {
    assert_eq!(
        error(&auto(Some(4), 2), &[]),
        "`num_nodes(2)` needs a launcher that starts processes on 2 machines, and the program was started alone; \
         help: start it by `srun --nodes=2 --ntasks-per-node=4 ./train --epochs 3`, or by `mpirun --host \
         machine1:4,machine2:4 ./train --epochs 3`"
    );
}

#[test]
fn one_device_is_one_device() {
    assert_eq!(
        error(&request(Wanted::SingleDevice, Some(2), 1), &[]),
        "`strategy(\"single_device\")` trains on one device, found `devices(2)`; help: write `.strategy(\"ddp\")`, \
         or remove the number of devices and machines"
    );
}

#[test]
fn a_program_is_started_again_once() {
    assert_eq!(
        error(&auto(Some(2), 1), &[(STARTED, "1")]),
        "the program was started again for `devices(2)`, but its launcher has set no rank; help: start it by \
         `mpirun -n 2 ./train --epochs 3`; remove `LIGHTNING_STARTED_BY_MPIRUN` if you have set it"
    );
}

#[test]
fn a_build_without_the_feature_says_so() {
    assert_eq!(
        no_mpi(2).message(),
        "training in 2 processes needs MPI, and this build of lightning-core is without its feature `mpi`"
    );
}

/// What a library finds.
#[derive(Debug)]
struct Found {
    world: usize,
    local: usize,
}

impl Collective for Found {
    fn name(&self) -> &str {
        "Open MPI v4.1.4"
    }
    fn rank(&self) -> usize {
        0
    }
    fn world_size(&self) -> usize {
        self.world
    }
    fn local_rank(&self) -> usize {
        0
    }
    fn local_size(&self) -> usize {
        self.local
    }
    fn sum_f32(&self, _: &mut [f32]) -> Result<()> {
        Err(Error::msg("an exchange before the check"))
    }
    fn sum_f64(&self, _: &mut [f64]) -> Result<()> {
        self.barrier()
    }
    fn all_to_all_f32(&self, _: &[f32], _: &mut [f32]) -> Result<()> {
        self.barrier()
    }
    fn all_gather_f32(&self, _: &[f32], _: &mut [f32]) -> Result<()> {
        self.barrier()
    }
    fn all_gather(&self, _: &[u8]) -> Result<Vec<Vec<u8>>> {
        Err(Error::msg("an exchange before the check"))
    }
    fn broadcast(&self, _: &mut Vec<u8>, _: usize) -> Result<()> {
        self.barrier()
    }
    fn barrier(&self) -> Result<()> {
        self.sum_f32(&mut [])
    }
    fn start_sum_f32(&self, _: Vec<f32>) -> Result<Box<dyn Pending>> {
        Err(Error::msg("an exchange before the check"))
    }
    fn abort(&self, code: i32) -> ! {
        std::process::exit(code)
    }
}

fn checked(request: &Request, launcher: Launcher, processes: usize, world: usize, local: usize) -> Result<()> {
    let launched = Launched { launcher, processes };
    check_world(request, launched, &Found { world, local }, "libmpi.so.40", COMMAND)
}

fn world_error(request: &Request, launcher: Launcher, processes: usize, world: usize, local: usize) -> String {
    let error = checked(request, launcher, processes, world, local).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

#[test]
fn a_launcher_and_a_library_of_different_mpis_are_told_apart() {
    assert_eq!(
        world_error(&auto(None, 1), Launcher::Pmi, 2, 1, 1),
        "`mpiexec` and `libmpi.so.40` are of different MPIs: the first has started 2 processes, and Open MPI v4.1.4 \
         found 1; help: start the program by the launcher of Open MPI v4.1.4, or name the library of `mpiexec`: \
         `LIGHTNING_MPI_LIBRARY=/path/to/libmpi.so`"
    );
    assert_eq!(
        world_error(&auto(None, 1), Launcher::Slurm, 4, 1, 1),
        "`srun` and `libmpi.so.40` are of different MPIs: the first has started 4 processes, and Open MPI v4.1.4 \
         found 1; help: write `srun --mpi=pmix` for Open MPI, or `srun --mpi=pmi2` for MPICH and Intel MPI; `srun --mpi=list` \
         prints what there is"
    );
}

#[test]
fn each_machine_must_have_a_process_for_each_device() {
    for request in [auto(None, 1), auto(Some(2), 2), auto(None, 2)] {
        checked(&request, Launcher::OpenMpi, 4, 4, 2).unwrap();
    }
    let request = auto(Some(2), 2);
    assert_eq!(
        world_error(&request, Launcher::OpenMpi, 4, 4, 3),
        "`devices(2)` and `num_nodes(2)`: each machine must have 2 processes, found 3 on the machine of rank 0; help: \
         start `mpirun -n 4 --map-by ppr:2:node ./train --epochs 3`"
    );
    assert_eq!(
        world_error(&request, Launcher::Slurm, 4, 4, 4),
        "`devices(2)` and `num_nodes(2)`: each machine must have 2 processes, found 4 on the machine of rank 0; help: \
         start `srun --nodes=2 --ntasks-per-node=2 ./train --epochs 3`"
    );
    assert_eq!(
        world_error(&request, Launcher::Pmi, 4, 4, 1),
        "`devices(2)` and `num_nodes(2)`: each machine must have 2 processes, found 1 on the machine of rank 0; help: \
         start `mpiexec -n 4 -ppn 2 ./train --epochs 3`"
    );
}

/// The program that is started again: this test itself, which [`ACT`] makes a rank.
#[cfg(all(unix, feature = "mpi"))]
mod started_again {
    use std::{
        fs,
        path::Path,
        process::{Child, Command, Stdio},
        sync::{Arc, atomic::AtomicBool, atomic::Ordering},
        thread,
        time::{Duration, Instant},
    };

    use signal_hook::consts::{SIGTERM, SIGUSR1};

    use super::*;

    const NAME: &str = "distributed::launch::tests::started_again::ranks_are_this_program";
    const ACT: &str = "LIGHTNING_TEST_ACT";
    const FOLDER: &str = "LIGHTNING_TEST_FOLDER";
    /// Longer than anything here takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn program(act: &str, folder: &Path) -> Child {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", NAME, "--nocapture"]).env(ACT, act).env(FOLDER, folder);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn has_mpirun() -> bool {
        let mut probe = Command::new("mpirun");
        probe.args(["--oversubscribe", "-n", "2", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        probe.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        let found = probe.status().is_ok_and(|status| status.success());
        if !found {
            eprintln!("skipped: there is no `mpirun` of Open MPI that starts processes");
        }
        found
    }

    fn wait_for(what: &str, condition: impl Fn() -> bool) {
        let since = Instant::now();
        while !condition() {
            assert!(since.elapsed() < PATIENCE, "waited in vain: {what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What a rank does, or the program that starts the ranks.
    fn act(act: &str) {
        let ranks = join(&auto(Some(2), 1)).unwrap().unwrap();
        let (rank, folder) = (ranks.rank(), env::var(FOLDER).unwrap());
        let note = |text: &str| fs::write(Path::new(&folder).join(format!("{text}.{rank}")), "").unwrap();
        assert_eq!((ranks.world_size(), ranks.local_size()), (2, 2));
        let flags = [SIGUSR1, SIGTERM].map(|signal| {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal, Arc::clone(&flag)).unwrap();
            flag
        });
        ranks.barrier().unwrap();
        note("ready");
        match act {
            "exit" if rank == 1 => std::process::exit(3),
            "exit" => thread::sleep(PAUSE_OF_OTHERS),
            "signals" => {
                for (flag, name) in flags.iter().zip(["saved", "ended"]) {
                    wait_for(name, || flag.load(Ordering::SeqCst));
                    // Longer than `mpirun` leaves to a rank.
                    thread::sleep(Duration::from_secs(3));
                    note(name);
                }
            }
            _ => {}
        }
    }

    const PAUSE_OF_OTHERS: Duration = Duration::from_secs(120);

    #[test]
    fn ranks_are_this_program() {
        if let Ok(name) = env::var(ACT) {
            return act(&name);
        }
        if !has_mpirun() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let output = program("nothing", folder.path()).wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!([0, 1].iter().all(|rank| folder.path().join(format!("ready.{rank}")).exists()));
    }

    #[test]
    fn the_exit_code_is_that_of_the_rank_that_failed() {
        if !has_mpirun() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let output = program("exit", folder.path()).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn signals_reach_the_ranks_and_leave_them_time() {
        if !has_mpirun() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let program = program("signals", folder.path());
        let both = |name: &str| [0, 1].iter().all(|rank| folder.path().join(format!("{name}.{rank}")).exists());
        let send = |signal: &str| {
            Command::new("sh").args(["-c", &format!("kill -{signal} {}", program.id())]).status().unwrap();
        };
        wait_for("ready", || both("ready"));
        send("USR1");
        wait_for("saved", || both("saved"));
        send("TERM");
        wait_for("ended", || both("ended"));
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
