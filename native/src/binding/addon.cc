// The addon's exports.
#include <napi.h>

#include "binding/bindings.h"
#include "binding/environment.h"
#include "binding/fd_object.h"
#include "binding/fd_plane_object.h"
#include "binding/mapping_object.h"
#include "binding/seqpacket_object.h"
#include "binding/watch_objects.h"

namespace dmabufd {
namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment{
      Napi::Persistent(FdObject::define(env)),        Napi::Persistent(MappingObject::define(env)),
      Napi::Persistent(SeqpacketObject::define(env)), Napi::Persistent(StreamListenerObject::define(env)),
      Napi::Persistent(FdWatchObject::define(env)),   Napi::Persistent(FdPlaneObject::define(env)),
  };
  env.SetInstanceData(environment);

  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("adoptFd", adopt_fd);
  add("closeFd", close_fd);
  add("allocateFromDmaHeap", allocate_from_dma_heap_binding);
  add("createUdmabuf", create_udmabuf_binding);
  add("createMemfd", create_memfd_binding);
  add("reopen", reopen_binding);
  add("isHeldElsewhere", is_held_elsewhere_binding);
  add("sizeByLseek", size_by_lseek_binding);
  add("sizeByStat", size_by_stat_binding);
  add("lseek", lseek_binding);
  add("syncDmaBuf", sync_dma_buf_binding);
  add("beginSync", begin_sync_binding);
  add("exportSyncFile", export_sync_file_binding);
  add("importSyncFile", import_sync_file_binding);
  add("setDmaBufName", set_dma_buf_name_binding);
  add("describeFd", describe_fd_binding);
  add("pollNow", poll_now_binding);
  add("watchFd", watch_fd_binding);
  add("map", map_binding);
  add("trimMalloc", trim_malloc_binding);
  add("listenUnix", listen_unix_binding);
  add("acceptStreams", accept_streams_binding);
  add("connectSeqpacket", connect_seqpacket_binding);
  add("peerOf", peer_of_binding);
  add("openPidfd", open_pidfd_binding);
  add("lockFile", lock_file_binding);
  add("sendNotification", send_notification_binding);
  add("socketType", socket_type_binding);
  add("startFdPlane", start_fd_plane_binding);
  return exports;
}

}  // namespace
}  // namespace dmabufd

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return dmabufd::initialize(env, exports);
}

NODE_API_MODULE(dmabufd, initialize_addon)
