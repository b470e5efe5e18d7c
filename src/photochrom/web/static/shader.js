/**
 * The shaders: lightness and colour of a photo to sRGB, with the digits of lab.js, which are those
 * of photochrom/color.py. What sRGB cannot show is pulled towards grey.
 */

const VERTEX = `#version 300 es
uniform vec2 canvas;  // its width and height, in pixels
uniform vec4 frame;   // of the photo on it: left, top, width, height
uniform vec4 part;    // of the photo that is drawn, in shares of it: left, top, width, height

void main() {
  vec2 place = part.xy + vec2(gl_VertexID & 1, gl_VertexID >> 1) * part.zw;
  vec2 at = (frame.xy + place * frame.zw) / canvas;
  gl_Position = vec4(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y, 0, 1);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D grey;      // grey levels of a part of the photo,
uniform vec4 extent;         // which is this one: left, top, width, height
uniform sampler2D lines;     // a texel: slope of a, slope of b, offset of a, offset of b, over L
uniform vec2 low, high;      // what ab stays within
uniform float strength;      // that ab is multiplied by; 0 for a photo without colours
uniform sampler2D original;  // the photo as it came,
uniform bool toned;          // if it was not just grey
uniform float split;         // pixels from the left, up to which the photo is as it came
uniform highp vec2 canvas;
uniform highp vec4 frame;
out vec4 color;

const float KEYS = -0.75, SOFT = -0.5;  // of Keys 1981: as the engine has it, and without halos
const float EPSILON = 0.008856, KAPPA = 7.787, OFFSET = 16.0 / 116.0;
const vec3 WHITE = vec3(0.95047, 1, 1.08883);
const mat3 XYZ_FROM_RGB = transpose(mat3(
  0.412453, 0.357580, 0.180423,
  0.212671, 0.715160, 0.072169,
  0.019334, 0.119193, 0.950227));
const mat3 RGB_FROM_XYZ = transpose(mat3(
  3.240481343200526, -1.5371515162713185, -0.4985363261688878,
  -0.9692549499965682, 1.8759900014898907, 0.04155592655829284,
  0.05564663913517716, -0.20404133836651123, 1.0573110696453443));
// A quarter of an 8-bit step, as photochrom.color.in_gamut allows.
const float LEAST = -0.25 / 255.0 / 12.92, MOST = 1.0 + 0.25 / 255.0 * 2.4 / 1.055;

vec3 decode(vec3 c) {
  return mix(c / 12.92, pow((max(c, 0.04045) + 0.055) / 1.055, vec3(2.4)), greaterThan(c, vec3(0.04045)));
}

vec3 encode(vec3 c) {
  c = clamp(c, 0.0, 1.0);
  return mix(12.92 * c, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, greaterThan(c, vec3(0.0031308)));
}

vec3 toLab(vec3 rgb) {
  vec3 t = XYZ_FROM_RGB * decode(rgb) / WHITE;
  vec3 f = mix(KAPPA * t + OFFSET, pow(max(t, EPSILON), vec3(1.0 / 3.0)), greaterThan(t, vec3(EPSILON)));
  return vec3(116.0 * f.y - 16.0, 500.0 * (f.x - f.y), 200.0 * (f.y - f.z));
}

vec3 toLinear(float L, vec2 ab) {
  vec3 f = vec3((L + 16.0) / 116.0) + vec3(ab.x / 500.0, 0, -ab.y / 200.0);
  vec3 cubed = f * f * f;
  return RGB_FROM_XYZ * (WHITE * mix((f - OFFSET) / KAPPA, cubed, greaterThan(cubed, vec3(EPSILON))));
}

bool shows(vec3 linear) {
  return all(greaterThanEqual(linear, vec3(LEAST))) && all(lessThanEqual(linear, vec3(MOST)));
}

vec3 paint(float L, vec2 ab) {
  vec3 linear = toLinear(L, ab);
  if (!shows(linear)) {
    float share = 0.0;
    for (float more = 0.5; more > 0.0002; more *= 0.5) {
      if (shows(toLinear(L, ab * (share + more)))) share += more;
    }
    linear = toLinear(L, ab * share);
  }
  return encode(linear);
}

vec4 weights(float t, float a) {
  vec4 x = vec4(1.0 + t, t, 1.0 - t, 2.0 - t);
  vec4 inner = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  vec4 outer = (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return vec4(outer.x, inner.yz, outer.w);
}

vec4 enlarge(sampler2D texels, vec2 at, float a) {
  ivec2 size = textureSize(texels, 0);
  vec2 centre = at * vec2(size) - 0.5;
  vec2 base = floor(centre);
  vec4 across = weights(centre.x - base.x, a), down = weights(centre.y - base.y, a);
  vec4 sum = vec4(0);
  for (int j = 0; j < 4; j++) {
    for (int i = 0; i < 4; i++) {
      ivec2 near = clamp(ivec2(base) + ivec2(i - 1, j - 1), ivec2(0), size - 1);
      sum += across[i] * down[j] * texelFetch(texels, near, 0);
    }
  }
  return sum;
}

void main() {
  // Not interpolated between the corners: that is not exact to a tenth of a pixel everywhere.
  vec2 place = (vec2(gl_FragCoord.x, canvas.y - gl_FragCoord.y) - frame.xy) / frame.zw;
  vec2 at = (place - extent.xy) / extent.zw;
  vec2 texels = vec2(textureSize(grey, 0)) / extent.zw / frame.zw;  // a pixel of the canvas
  float shrunk = texture(grey, at, -0.5).r;
  float level = max(texels.x, texels.y) > 1.001 ? shrunk : clamp(enlarge(grey, at, SOFT).r, 0.0, 1.0);
  bool before = gl_FragCoord.x < split;
  vec3 rgb = vec3(level);
  if (before ? toned : strength > 0.0) {
    float L = toLab(rgb).x;
    vec4 line = enlarge(lines, place, KEYS);
    vec2 ab = clamp(line.xy * L + line.zw, low, high) * strength;
    rgb = paint(L, before ? toLab(texture(original, place).rgb).yz : ab);
  }
  color = vec4(rgb, 1);
}`;

function compile(gl, kind, text) {
  const shader = gl.createShader(kind);
  gl.shaderSource(shader, text);
  gl.compileShader(shader);
  return shader;
}

/**
 * The program, and where its uniforms are by their names.
 *
 * @param {WebGL2RenderingContext} gl
 */
export function link(gl) {
  const program = gl.createProgram();
  gl.attachShader(program, compile(gl, gl.VERTEX_SHADER, VERTEX));
  const fragment = compile(gl, gl.FRAGMENT_SHADER, FRAGMENT);
  gl.attachShader(program, fragment);
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getShaderInfoLog(fragment) || gl.getProgramInfoLog(program));
  }
  const count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS) ?? 0;
  const names = Array.from({ length: count }, (_, i) => gl.getActiveUniform(program, i).name);
  const uniforms = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
  return { program, uniforms };
}
