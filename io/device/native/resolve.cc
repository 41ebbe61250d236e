// Names to addresses by getaddrinfo(3), each in a thread of its own: libuv has few for all look-ups of a process, and one
// name whose servers do not answer holds a thread for half a minute.
#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "devices.h"
#include "napi.h"
#include "thread.h"

namespace {

/// glibc needs some 100 KB, a module of nsswitch.conf(5) may need more.
constexpr size_t kStackBytes = 512 << 10;

struct Lookup {
  std::string host;
  napi_threadsafe_function done = nullptr;
  /// EAI_… of getaddrinfo, 0 when it went well.
  int error = 0;
  std::vector<std::string> addresses;
};

const char* codeOf(int error) {
  switch (error) {
    case EAI_NONAME:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
      return "ENOTFOUND";
    case EAI_AGAIN:
      return "EAI_AGAIN";
    case EAI_MEMORY:
      return "ENOMEM";
    default:
      return "EAI_FAIL";
  }
}

/// In JavaScript's thread: `done(code, addresses)`. Without an environment, at its end, nobody listens any more.
void tell(napi_env env, napi_value callback, void*, void* data) {
  const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(data));
  if (env == nullptr || callback == nullptr) return;
  napi_value args[2] = {}, self = napi::undefined(env);
  const std::string code = lookup->error == 0 ? "" : codeOf(lookup->error);
  napi_create_string_utf8(env, code.c_str(), code.size(), &args[0]);
  napi_create_array(env, &args[1]);
  uint32_t count = 0;
  for (const std::string& address : lookup->addresses) {
    napi_value text = nullptr;
    napi_create_string_utf8(env, address.c_str(), address.size(), &text);
    napi_set_element(env, args[1], count++, text);
  }
  napi_call_function(env, self, callback, 2, args, nullptr);
}

void* run(void* data) {
  auto* lookup = static_cast<Lookup*>(data);
  addrinfo hints = {}, *found = nullptr;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  lookup->error = getaddrinfo(lookup->host.c_str(), nullptr, &hints, &found);
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST];
    const int error =
        getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    if (error == 0) lookup->addresses.emplace_back(text);
  }
  if (found != nullptr) freeaddrinfo(found);
  const napi_threadsafe_function done = lookup->done;
  if (napi_call_threadsafe_function(done, lookup, napi_tsfn_nonblocking) != napi_ok) {
    delete lookup;
    // At the environment's end it is gone with this call.
    return nullptr;
  }
  napi_release_threadsafe_function(done, napi_tsfn_release);
  return nullptr;
}

/// lookUp(host, done): `done(code, addresses)` follows, `code` empty when it went well. Keeps no event loop alive.
napi_value jsLookUp(napi_env env, napi_callback_info info) {
  napi::Call<2> call(env, info);
  auto lookup = std::make_unique<Lookup>();
  napi_valuetype type = napi_undefined;
  if (!napi::toString(env, call.args[0], lookup->host) || napi_typeof(env, call.args[1], &type) != napi_ok ||
      type != napi_function || lookup->host.find('\0') != std::string::npos) {
    napi::throwType(env, "lookUp(host, done)");
    return nullptr;
  }
  napi_value name = nullptr;
  napi_create_string_utf8(env, "vnet:lookUp", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, call.args[1], nullptr, name, 0, 1, nullptr, nullptr, nullptr, tell,
                                      &lookup->done) != napi_ok) {
    napi::throwErrno(env, ENOMEM, "lookUp");
    return nullptr;
  }
  napi_unref_threadsafe_function(env, lookup->done);
  const napi_threadsafe_function done = lookup->done;
  const int error = startThread(run, lookup.get(), kStackBytes);
  if (error != 0) {
    napi_release_threadsafe_function(done, napi_tsfn_abort);
    napi::throwErrno(env, error, "a thread to look a name up");
    return nullptr;
  }
  // The thread and `tell` have it now.
  static_cast<void>(lookup.release());
  return nullptr;
}

}  // namespace

void defineResolve(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"lookUp", nullptr, jsLookUp, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions);
}
