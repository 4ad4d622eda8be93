#!/bin/bash
#SBATCH --job-name=train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# Ten minutes before the limit SLURM sends SIGUSR1 to this script.
#SBATCH --signal=B:USR1@600

# Ends the program, which saves a checkpoint, and lets SLURM start the job again.
again() {
    scancel --signal=TERM "$SLURM_JOB_ID"
    wait
    scontrol requeue "$SLURM_JOB_ID"
}
trap again USR1

# The program has `.devices(4).num_nodes(2).accelerator("cuda")`. A job that was started again resumes
# from its last checkpoint without an argument. With MPICH: --mpi=pmi2.
srun --mpi=pmix target/release/train &
wait $!
