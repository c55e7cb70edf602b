#include "security/sasl.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/text.h"

namespace strom::security {
namespace {

bool IsWord(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  });
}

bool IsPassword(const std::string& text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f ||
           std::string_view(",:\";\\").find(c) != std::string_view::npos;
  });
}

/// Takes as long for a wrong first byte as for a wrong last one.
bool IsEqual(ByteView a, ByteView b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    const char other = b.empty() ? '\0' : b[i % b.size()];
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(other);
  }
  return difference == 0;
}

}  // namespace

Result<Passwords> PasswordsInJaas(const std::string& text) {
  constexpr std::string_view kUser = "user_";
  Passwords passwords;
  const std::string body(Trim(text));
  if (!body.ends_with(';') || body.find("PlainLoginModule") == std::string::npos) {
    return Err(ErrorCode::kInvalidConfig,
               "a JAAS text is one login module like: "
               "org.apache.fluss.security.auth.sasl.plain.PlainLoginModule required "
               "user_NAME=\"PASSWORD\";");
  }
  if (std::ranges::count(body, ';') != 1)
    return Err(ErrorCode::kInvalidConfig, "a JAAS text has exactly one login module");
  size_t at = body.find(' ');
  while (at != std::string::npos && at < body.size()) {
    while (at < body.size() && std::isspace(static_cast<unsigned char>(body[at])) != 0) ++at;
    if (at >= body.size() || body[at] == ';') break;
    const size_t end = body.find_first_of(" \t\r\n=;", at);
    const std::string word = body.substr(at, end - at);
    at = end;
    if (end == std::string::npos || body[end] != '=') continue;  // "required"
    if (end + 1 >= body.size() || body[end + 1] != '"')
      return Err(ErrorCode::kInvalidConfig, "the value of '{}' wants double quotes", word);
    const size_t close = body.find('"', end + 2);
    if (close == std::string::npos)
      return Err(ErrorCode::kInvalidConfig, "the value of '{}' has no closing quote", word);
    if (word.starts_with(kUser) && word.size() > kUser.size())
      passwords[word.substr(kUser.size())] = body.substr(end + 2, close - end - 2);
    at = close + 1;
  }
  return passwords;
}

Result<Passwords> PasswordsInList(const std::string& text) {
  Passwords passwords;
  for (const std::string& part : Split(text, ',')) {
    const std::string pair(Trim(part));
    if (pair.empty()) continue;
    const size_t colon = pair.find(':');
    const std::string user = pair.substr(0, colon);
    if (!IsWord(user)) {
      return Err(ErrorCode::kInvalidConfig,
                 "users are written NAME:PASSWORD, their names in letters, digits and _");
    }
    const std::string password = colon == std::string::npos ? "" : pair.substr(colon + 1);
    if (!IsPassword(password)) {
      return Err(ErrorCode::kInvalidConfig,
                 "the password of '{}' is empty or has one of , : \" ; \\ or a control character",
                 user);
    }
    passwords[user] = password;
  }
  return passwords;
}

std::string ToList(const Passwords& passwords) {
  std::vector<std::string> pairs;
  for (const auto& [user, password] : passwords) pairs.push_back(user + ":" + password);
  return Join(pairs, ",");
}

Result<std::string> AuthenticatePlain(const Passwords& known, ByteView token) {
  std::vector<std::string> parts(1);
  for (const char c : token) {
    if (c == '\0') {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  const auto refuse = [](const char* why) { return Err(ErrorCode::kAuthenticate, "{}", why); };
  if (parts.size() != 3 || !IsUtf8(token))
    return refuse("a PLAIN token has 3 parts: authorization id, username, password");
  const auto& [authorization, user, password] = std::tie(parts[0], parts[1], parts[2]);
  if (user.empty()) return refuse("the username is not specified");
  if (password.empty()) return refuse("the password is not specified");
  if (!authorization.empty() && authorization != user)
    return refuse("the authorization id is another one than the username");
  const auto it = known.find(user);
  if (it == known.end() || !IsEqual(password, it->second))
    return refuse("invalid username or password");
  return user;
}

Bytes PlainToken(const std::string& user, const std::string& password) {
  Bytes token(1, '\0');
  token += user;
  token.push_back('\0');
  token += password;
  return token;
}

}  // namespace strom::security
