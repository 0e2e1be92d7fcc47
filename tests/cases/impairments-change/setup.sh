# needs: Netem
