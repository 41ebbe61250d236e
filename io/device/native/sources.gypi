{
  "sources": [
    "addon.cc",
    "big.cc",
    "chain.cc",
    "join.cc",
    "links.cc",
    "memory.cc",
    "monitor.cc",
    "napi.cc",
    "netlink.cc",
    "packet.cc",
    "port.cc",
    "resolve.cc",
    "sockets.cc",
    "sync.cc",
    "tap.cc",
    "tcp.cc",
    "virtio.cc",
    "write.cc"
  ],
  "defines": ["NAPI_VERSION=8", "NODE_GYP_MODULE_NAME=vnet"],
  "cflags": ["-Wall", "-Wextra"],
  "cflags_cc!": ["-std=gnu++14", "-std=gnu++17", "-std=gnu++20"],
  "cflags_cc": ["-std=c++17", "-fvisibility=hidden"]
}
