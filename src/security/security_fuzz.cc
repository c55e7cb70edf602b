// Tokens of whoever connects; lists of users and rights in files that people edit.
#include <cstdint>

#include "base/check.h"
#include "security/acl.h"
#include "security/sasl.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strom::security;  // NOLINT: a fuzzer is one function
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Passwords known{{"bob", "secret"}};
  if (const auto user = AuthenticatePlain(known, text))
    STROM_CHECK(*user == "bob" && text.ends_with("secret"));
  (void)PasswordsInJaas(text);
  if (const auto users = PasswordsInList(text))
    STROM_CHECK(*PasswordsInList(ToList(*users)) == *users);
  if (const auto entries = AclsFromJson(text))
    STROM_CHECK(*AclsFromJson(AclsToJson(*entries)) == *entries);
  (void)PrincipalIn(text);
  return 0;
}
