{
  "variables": { "addon%": "dmabufd" },
  "targets": [
    {
      "target_name": "<(addon)",
      "sources": [
        "src/kernel/dma_buf.cc",
        "src/kernel/dma_heap.cc",
        "src/kernel/fd_description.cc",
        "src/kernel/mapped_region.cc",
        "src/kernel/memfd.cc",
        "src/kernel/record_lock.cc",
        "src/kernel/udmabuf.cc",
        "src/socket/acceptor.cc",
        "src/socket/byte_stream.cc",
        "src/socket/client_socket.cc",
        "src/socket/datagram.cc",
        "src/socket/look_ahead.cc",
        "src/socket/notification.cc",
        "src/socket/peer_credentials.cc",
        "src/socket/unix_socket.cc",
        "src/relay/relayed_connection.cc",
        "src/relay/stream_relay.cc",
        "src/fd_plane/fd_plane.cc",
        "src/fd_plane/fds_in_flight.cc",
        "src/kernel/interrupts.cc",
        "src/fd_plane/receiver.cc",
        "src/fd_plane/request.cc",
        "src/fd_plane/request_reader.cc",
        "src/fd_plane/session.cc",
        "src/fd_plane/turns.cc",
        "src/binding/addon.cc",
        "src/binding/allocation_binding.cc",
        "src/binding/arguments.cc",
        "src/binding/byte_pool.cc",
        "src/binding/dma_buf_binding.cc",
        "src/binding/fd_object.cc",
        "src/binding/fd_plane_object.cc",
        "src/binding/malloc_binding.cc",
        "src/binding/mapping_object.cc",
        "src/binding/poll_handle.cc",
        "src/binding/seqpacket_object.cc",
        "src/binding/socket_binding.cc",
        "src/binding/watch_objects.cc"
      ],
      "include_dirs": ["src", "../proto", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": [
        "-std=c++17",
        "-fvisibility=hidden",
        "-fexceptions",
        "-Wall",
        "-Wextra",
        "-Wnon-virtual-dtor",
        "-Werror"
      ],
      "conditions": [
        [
          "addon=='dmabufd_sanitized'",
          {
            "cflags_cc": [
              "-fsanitize=address,undefined",
              "-fno-sanitize-recover=undefined",
              "-fno-omit-frame-pointer",
              "-g",
              "-O1"
            ],
            "ldflags": ["-fsanitize=address,undefined"]
          }
        ]
      ]
    }
  ]
}
