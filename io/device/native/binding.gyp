{
  "targets": [
    {
      "target_name": "vnet",
      "includes": ["sources.gypi"],
      "cflags": ["-O2"]
    }
  ]
}
