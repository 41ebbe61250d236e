# The addon with what finds errors of memory and undefined behaviour. Built by `npm run build:sanitized`.
{
  "targets": [
    {
      "target_name": "vnet",
      "includes": ["../../../io/device/native/sources.gypi"],
      "cflags!": ["-fno-omit-frame-pointer", "-O3"],
      "cflags": [
        "-O1",
        "-g1",
        "-fno-omit-frame-pointer",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=undefined",
        "-fno-sanitize=vptr"
      ],
      "ldflags": ["-fsanitize=address,undefined"]
    }
  ]
}
