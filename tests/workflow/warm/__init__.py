"""A warm start: python and snakemake as forks of a process that has imported the libraries that take long to import.

    fakes/bin/python ... -> client.py  ~~ socket ~~>  server.py, which forks keeper.py, which forks child.py

The client stands where the real program would: it has its place among the processes, its signals and its exit status.
The child does the work. Where no server is named in the environment, fakes/bin/python is the real python.

What is not as in a real process:

- The child is a child of its keeper. `session.below` finds it from the client; os.getpid() is the child's number.
- Packages of the home directory stay out, whether PYTHONNOUSERSITE is set or not.
- It shares the server's hash seed and its numbers of threads: one for numpy and torch.
- Modules that the server has imported are imported, whether a step would have imported them or not, and what they
  read from the environment at that time is the server's.
- At the end its functions for the exit run and its output is flushed, but objects are not torn down; and snakemake does
  not wait for timers that have nothing to do (1 s).
- Descriptors other than stdin, stdout and stderr are not handed over, and neither is being stopped (SIGSTOP).
- Signals for a process group reach it only where the client's group is in the session of the server.
"""
