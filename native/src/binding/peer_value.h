// PeerCredentials as JavaScript has them.
#pragma once

#include <napi.h>

#include "socket/peer_credentials.h"

namespace dmabufd {

Napi::Object to_js(Napi::Env env, PeerCredentials peer);

}  // namespace dmabufd
