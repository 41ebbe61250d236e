/**
 * Raw Ethernet frames by an AF_PACKET socket, in Python because every Debian has it and Node has no such socket.
 * The kernel takes an 802.1Q tag out of a frame that it delivers and hands it over beside it
 * (PACKET_AUXDATA, linux/if_packet.h: struct tpacket_auxdata); `sniff` puts it back.
 */
export const RAW_FRAMES = `
import socket, struct, sys
SOL_PACKET, PACKET_AUXDATA, ETH_P_ALL = 263, 8, 3
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
verb, dev = sys.argv[1:3]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL if verb == 'sniff' else 0))
if verb == 'send':
    s.bind((dev, 0))
    frames = [bytes.fromhex(line) for line in sys.stdin if line.strip()]
    for _ in range(int(sys.argv[3])):
        for frame in frames:
            s.send(frame)
else:
    pattern = bytes.fromhex(sys.argv[3])
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind((dev, ETH_P_ALL))
    print('READY')
    while True:
        frame, extra, _, (_, _, kind, _, _) = s.recvmsg(70000, socket.CMSG_SPACE(20))
        if kind == socket.PACKET_OUTGOING:
            continue
        for level, number, data in extra:
            if level == SOL_PACKET and number == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack('IIIHHHH', data[:20])
                if status & TP_STATUS_VLAN_VALID:
                    tag = struct.pack('!HH', tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100, tci)
                    frame = frame[:12] + tag + frame[12:]
        if pattern in frame:
            print(frame.hex())
`;
