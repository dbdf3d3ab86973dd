"""What is asked of trained networks: each question is a kind of job."""
