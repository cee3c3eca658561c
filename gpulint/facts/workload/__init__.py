"""What a workload needs beside its GPUs to run well."""
