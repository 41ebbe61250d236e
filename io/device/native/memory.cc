// Memory that the C library keeps.
#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "devices.h"
#include "napi.h"

namespace {

/// trimMemory(): gives back to the kernel what was freed, in the arenas of all threads (malloc_trim(3)).
napi_value jsTrimMemory(napi_env, napi_callback_info) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return nullptr;
}

}  // namespace

void defineMemory(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"trimMemory", nullptr, jsTrimMemory, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
}
