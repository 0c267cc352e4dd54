// The functions of the addon, by the file that has them. index.ts documents each.
#pragma once

#include <napi.h>

namespace dmabufd {

// allocation_binding.cc
Napi::Value allocate_from_dma_heap_binding(const Napi::CallbackInfo& info);
Napi::Value create_udmabuf_binding(const Napi::CallbackInfo& info);
Napi::Value create_memfd_binding(const Napi::CallbackInfo& info);
Napi::Value reopen_binding(const Napi::CallbackInfo& info);
Napi::Value is_held_elsewhere_binding(const Napi::CallbackInfo& info);

// dma_buf_binding.cc
Napi::Value size_by_lseek_binding(const Napi::CallbackInfo& info);
Napi::Value size_by_stat_binding(const Napi::CallbackInfo& info);
Napi::Value lseek_binding(const Napi::CallbackInfo& info);
Napi::Value sync_dma_buf_binding(const Napi::CallbackInfo& info);
Napi::Value begin_sync_binding(const Napi::CallbackInfo& info);
Napi::Value export_sync_file_binding(const Napi::CallbackInfo& info);
Napi::Value import_sync_file_binding(const Napi::CallbackInfo& info);
Napi::Value set_dma_buf_name_binding(const Napi::CallbackInfo& info);
Napi::Value describe_fd_binding(const Napi::CallbackInfo& info);
Napi::Value poll_now_binding(const Napi::CallbackInfo& info);

// malloc_binding.cc
Napi::Value trim_malloc_binding(const Napi::CallbackInfo& info);

// socket_binding.cc
Napi::Value listen_unix_binding(const Napi::CallbackInfo& info);
Napi::Value peer_of_binding(const Napi::CallbackInfo& info);
Napi::Value open_pidfd_binding(const Napi::CallbackInfo& info);
Napi::Value lock_file_binding(const Napi::CallbackInfo& info);
Napi::Value send_notification_binding(const Napi::CallbackInfo& info);
Napi::Value socket_type_binding(const Napi::CallbackInfo& info);

}  // namespace dmabufd
