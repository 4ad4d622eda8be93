#!/bin/bash
#SBATCH --job-name=train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --time=12:00:00
# Ten minutes before the limit SLURM asks for a checkpoint, and starts the job again where it ended.
#SBATCH --signal=USR1@600
#SBATCH --requeue

# The program has `.devices(4).num_nodes(2).accelerator("cuda")`. A job that was started again resumes
# from its last checkpoint without an argument. With MPICH: --mpi=pmi2.
srun --mpi=pmix target/release/train
