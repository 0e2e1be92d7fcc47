# needs: Tbf
