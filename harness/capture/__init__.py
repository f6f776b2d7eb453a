"""Wire evidence: every frame on the network, with the kernel's own time stamps.

Two processes of their own do the work (``python -m harness.capture``): *record* reads
frames into a pcapng file and may need a right that nothing else here needs; *decode*
reads such a file with scapy, whose licence keeps it in that process. The rest of the
harness talks to both through pipes: `harness.capture.beside`.
"""
