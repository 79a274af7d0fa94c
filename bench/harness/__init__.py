"""What bench/run is made of: drivers (processes), scenes (one run of several), cases (what is compared), reports."""
