#pragma once
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace strom::security {

/// The setting that holds users as a list, and changes while a cluster runs.
inline constexpr const char* kUsersSetting = "security.sasl.plain.credentials";

using Passwords = std::map<std::string, std::string>;  // by user

/// The users in a JAAS text of the plain login module: `…PlainLoginModule required
/// user_alice="secret" user_bob="pw";`. Errors: kInvalidConfig.
Result<Passwords> PasswordsInJaas(const std::string& text);
/// The users in "alice:secret,bob:pw". Names are letters, digits and _; passwords have none of
/// , : " ; \ and no control characters. Errors: kInvalidConfig, which never tells a password.
Result<Passwords> PasswordsInList(const std::string& text);
std::string ToList(const Passwords& passwords);

/// The user who proves itself with a token of SASL/PLAIN: "authzid NUL user NUL password". Errors:
/// kAuthenticate.
Result<std::string> AuthenticatePlain(const Passwords& known, ByteView token);
/// Such a token.
Bytes PlainToken(const std::string& user, const std::string& password);

}  // namespace strom::security
