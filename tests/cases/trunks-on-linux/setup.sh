# needs: VlanFiltering
