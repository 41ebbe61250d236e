// The addon's exports; their types stand in io/device/addon.ts.
#include <node_api.h>

#include "devices.h"

NAPI_MODULE_INIT() {
  napi_set_named_property(env, exports, "Tap", defineTap(env));
  napi_set_named_property(env, exports, "PacketSocket", definePacket(env));
  napi_set_named_property(env, exports, "LinkMonitor", defineMonitor(env));
  defineLinks(env, exports);
  defineSockets(env, exports);
  defineResolve(env, exports);
  defineSync(env, exports);
  defineTcp(env, exports);
  defineJoin(env, exports);
  defineMemory(env, exports);
  defineWrite(env, exports);
  return exports;
}
