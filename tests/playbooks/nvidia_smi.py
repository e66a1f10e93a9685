"""What `nvidia-smi` prints, as recorded: the query of playbooks/cards.py, and `topo -m`.

TOPOLOGY_ONE is what an H100 with driver 580.159.04 printed on 2026-11-26, and its cells of the query had these forms;
the others were written after it: no two cards and no Ada were at hand.
"""

ONE = "0, NVIDIA RTX 4000 Ada Generation, 87, 18433, 20475, 61, 71.35, 580.95.05, Enabled\n"
TWO = (
    "0, NVIDIA RTX 4000 Ada Generation, 87, 18433, 20475, 61, 71.35, 580.95.05, Disabled\n"
    "1, NVIDIA RTX 4000 Ada Generation, 9, 18401, 20475, 58, 70.02, 580.95.05, Disabled\n"
)
SILENT = "0, NVIDIA A100-SXM4-40GB MIG 1g.5gb, [N/A], [N/A], 40960, [Not Supported], [N/A], 580.95.05, [N/A]\n"
FALLEN = "0, [Unknown Error], [Unknown Error], [Unknown Error], [Unknown Error], [GPU requires reset], , , \n"
NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running.\n"
)
NONE = "No devices were found\n"
TOPOLOGY_ONE = (
    "\t\x1b[4mGPU0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\x1b[0m\n"
    "GPU0\t X \t0-15\t0\t\tN/A\n\n"
    "Legend:\n\n  X    = Self\n"
)
TOPOLOGY_TWO = (
    "\t\x1b[4mGPU0\tGPU1\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\x1b[0m\n"
    "GPU0\t X \tPHB\t0-15\t0\t\tN/A\n"
    "GPU1\tPHB\t X \t0-15\t0\t\tN/A\n\n"
    "Legend:\n\n  X    = Self\n"
    "  SYS  = Connection traversing PCIe as well as the SMP interconnect between NUMA nodes (e.g., QPI/UPI)\n"
    "  PHB  = Connection traversing PCIe as well as a PCIe Host Bridge (typically the CPU)\n"
    "  NV#  = Connection traversing a bonded set of # NVLinks\n"
)
TOPOLOGY_NVLINK = (
    "        GPU0    GPU1    GPU2    GPU3    NIC0    CPU Affinity    NUMA Affinity\n"
    "GPU0     X      NV4     NV4     NV4     SYS     0-23            0\n"
    "GPU1    NV4      X      NV4     NV4     SYS     0-23            0\n"
    "GPU2    NV4     NV4      X      NV4     PIX     24-47           1\n"
    "GPU3    NV4     NV4     NV4      X      PIX     24-47           1\n"
    "NIC0    SYS     SYS     PIX     PIX      X\n"
)
