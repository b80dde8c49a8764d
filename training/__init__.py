"""What runs on the workstation: from folders of pictures to a run folder with honest figures."""
