#include "napi.h"

#include <uv.h>

#include <cstring>

namespace napi {

void throwErrno(napi_env env, int error, const std::string& what) {
  const std::string message = what + ": " + strerror(error);
  napi_value text, code, object;
  if (napi_create_string_utf8(env, message.c_str(), message.size(), &text) != napi_ok) return;
  if (napi_create_string_utf8(env, uv_err_name(-error), NAPI_AUTO_LENGTH, &code) != napi_ok) return;
  if (napi_create_error(env, code, text, &object) != napi_ok) return;
  set(env, object, "errno", static_cast<double>(error));
  napi_throw(env, object);
}

void throwType(napi_env env, const char* message) { napi_throw_type_error(env, nullptr, message); }

bool calledWithNew(napi_env env, napi_callback_info info) {
  napi_value target = nullptr;
  if (napi_get_new_target(env, info, &target) == napi_ok && target != nullptr) return true;
  throwType(env, "a constructor is to be called with new");
  return false;
}

bool toUint32(napi_env env, napi_value value, uint32_t& out) {
  return value != nullptr && napi_get_value_uint32(env, value, &out) == napi_ok;
}

bool toBool(napi_env env, napi_value value, bool& out) {
  return value != nullptr && napi_get_value_bool(env, value, &out) == napi_ok;
}

bool toString(napi_env env, napi_value value, std::string& out) {
  size_t length = 0;
  if (value == nullptr || napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  out.resize(length);
  return napi_get_value_string_utf8(env, value, out.data(), length + 1, &length) == napi_ok;
}

bool toBytes(napi_env env, napi_value value, uint8_t*& data, size_t& length) {
  void* memory = nullptr;
  if (value == nullptr || napi_get_buffer_info(env, value, &memory, &length) != napi_ok) return false;
  data = static_cast<uint8_t*>(memory);
  return true;
}

bool property(napi_env env, napi_value object, const char* name, napi_value& out) {
  napi_valuetype type;
  return napi_get_named_property(env, object, name, &out) == napi_ok && napi_typeof(env, out, &type) == napi_ok &&
         type != napi_undefined;
}

void set(napi_env env, napi_value object, const char* name, double value) {
  napi_value number;
  if (napi_create_double(env, value, &number) == napi_ok) napi_set_named_property(env, object, name, number);
}

void set(napi_env env, napi_value object, const char* name, bool value) {
  napi_value boolean;
  if (napi_get_boolean(env, value, &boolean) == napi_ok) napi_set_named_property(env, object, name, boolean);
}

void set(napi_env env, napi_value object, const char* name, const std::string& value) {
  napi_value text;
  if (napi_create_string_utf8(env, value.c_str(), value.size(), &text) == napi_ok) {
    napi_set_named_property(env, object, name, text);
  }
}

napi_value undefined(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

}  // namespace napi
