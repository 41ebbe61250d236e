// Small helpers over plain Node-API: errors, arguments, objects.
#pragma once
#include <node_api.h>

#include <cstdint>
#include <string>

namespace napi {

/// Throws an Error `<what>: <text of error>` with `errno` (positive) and `code` ("EPERM") in JavaScript.
void throwErrno(napi_env env, int error, const std::string& what);
void throwType(napi_env env, const char* message);

/// The arguments of a call and the native object behind `this`.
template <size_t N>
struct Call {
  size_t count = N;
  napi_value args[N > 0 ? N : 1] = {};
  napi_value self = nullptr;

  Call(napi_env env, napi_callback_info info) { napi_get_cb_info(env, info, &count, args, &self, nullptr); }

  /// The native object; throws and gives nullptr when `this` is something else.
  template <class T>
  T* unwrap(napi_env env) {
    void* object = nullptr;
    if (napi_unwrap(env, self, &object) != napi_ok) throwType(env, "called on a wrong object");
    return static_cast<T*>(object);
  }
};

/// Throws when a constructor was called as a function.
bool calledWithNew(napi_env env, napi_callback_info info);

bool toUint32(napi_env env, napi_value value, uint32_t& out);
bool toBool(napi_env env, napi_value value, bool& out);
bool toString(napi_env env, napi_value value, std::string& out);
/// A Buffer's (or Uint8Array's) memory; it stays where it is as long as the object lives.
bool toBytes(napi_env env, napi_value value, uint8_t*& data, size_t& length);
/// A property that is there and not undefined.
bool property(napi_env env, napi_value object, const char* name, napi_value& out);

void set(napi_env env, napi_value object, const char* name, double value);
void set(napi_env env, napi_value object, const char* name, bool value);
void set(napi_env env, napi_value object, const char* name, const std::string& value);

napi_value undefined(napi_env env);

}  // namespace napi
