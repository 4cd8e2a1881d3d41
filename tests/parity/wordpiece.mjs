// SPDX-License-Identifier: GPL-3.0-or-later
// Makes the stored expectations of WordPiece with npm's @huggingface/tokenizers (0.2.0 made those in the tree):
//
//   npm install --prefix /tmp/reference @huggingface/tokenizers
//   node tests/parity/wordpiece.mjs /tmp/reference/node_modules/@huggingface/tokenizers tests/golden
//
// writes wordpiece_{cased,uncased}_vocab.txt (pieces of many scripts), wordpiece_strings.txt (a string, its ids with the
// cased and with the uncased vocabulary) and wordpiece_decode.txt (ids of the uncased vocabulary, their text with and
// without special tokens). In strings, \xNN is a byte and \\ a backslash.
//
// Strings of bytes that are no UTF-8 reach the reference through TextDecoder('utf-8'), which puts one U+FFFD for each
// maximal subpart; Python's bytes.decode(errors='replace') gives the same.
//
// One rule of the package is corrected here: it looks for ideographs among UTF-16 units, so that those beyond U+FFFF
// (its own list names them) are never found. Google's tokenization.py, Python's BertTokenizer and the tokenizers library
// in Rust set each of them apart; so does this file, and 'corrected' at the end counts the strings that it matters to.
//
// Code points are from blocks that Unicode 15.0 (Debian 12's utf8proc) and later versions agree on.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [reference, folder] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node wordpiece.mjs FOLDER-OF-@huggingface/tokenizers OUTPUT-FOLDER');
  process.exit(2);
}
const { Tokenizer } = await import(pathToFileURL(path.resolve(reference, 'dist/tokenizers.mjs')));

// ---- numbers by chance, the same every time ----

let state = 20240229;
const random = (n) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * n);
};
const pick = (list) => list[random(list.length)];
const times = (n, f) => Array.from({ length: n }, (_, i) => f(i));

// ---- text of many scripts ----

const sentences = `
All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience.
The quick brown fox jumps over the lazy dog; it doesn't (ever) stop running, walking, or jumping!
Researchers pre-trained unbelievably large transformers, fine-tuning them on question-answering benchmarks.
Tous les êtres humains naissent libres et égaux en dignité et en droits. L'œuvre déjà vue, ça va où?
Alle Menschen sind frei und gleich an Würde und Rechten geboren. Die Straße heißt Größe; ÜBERMÄSSIG.
Todos los seres humanos nacen libres e iguales en dignidad y derechos. ¿Mañana? ¡Señor, pingüino!
Todos os seres humanos nascem livres e iguais em dignidade e em direitos. São João, coração, amanhã.
Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Perché così è più bello.
Alla människor är födda fria och lika i värde och rättigheter. Åäö, smörgåsbord.
Alle mennesker er født frie og like i verdighet og rettigheter. Blåbær på øya.
Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Hyvää yötä.
Hver maður er borinn frjáls og jafn öðrum að virðingu og réttindum. Þetta er ágætt.
Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Zażółć gęślą jaźń.
Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Příliš žluťoučký kůň.
Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Árvíztűrő tükörfúrógép.
Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. İstanbul'da ılık ışık, ŞİŞLİ, IĞDIR.
Toate ființele umane se nasc libere și egale în demnitate și în drepturi. Țară, măști.
Visi žmonės gimsta laisvi ir lygūs savo orumu ir teisėmis. Ąžuolas, ėjimas, ūkis.
Visi cilvēki piedzimst brīvi un vienlīdzīgi savā pašcieņā un tiesībās. Ģimene, ķirsis.
Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi. Ngữ nghĩa, Đường.
Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama. Watu wote wamezaliwa huru.
Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. ΟΔΥΣΣΕΥΣ, Σίσυφος.
Все люди рождаются свободными и равными в своём достоинстве и правах. Ёлка, йод, съезд, ЩУКА.
Всі люди народжуються вільними і рівними у своїй гідності та правах. Їжак, ґанок, єдність.
Сва људска бића рађају се слободна и једнака у достојанству и правима. Ђак, љубав, џеп.
Барлық адамдар тумысынан азат және қадір-қасиеті мен құқықтары тең болып дүниеге келеді. Ұлы, өң.
Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ ու իրավունքներով։ և Եվ
ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით. ᲗᲑᲘᲚᲘᲡᲘ
כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. שָׁלוֹם עֲלֵיכֶם, צה״ל, מה־שם.
يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. السَّلَامُ عَلَيْكُمْ، كيف الحال؟ ٢٠٢٤
تمام افراد بشر آزاد به دنیا می‌آیند و از لحاظ حیثیت و حقوق با هم برابرند. پژوهش، گچ، ۱۴۰۳
تمام انسان آزاد اور حقوق و عزت کے اعتبار سے برابر پیدا ہوئے ہیں۔ ٹھیک ہے، ڈاکٹر، بڑا
सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। क़लम, हिन्दी, ज़िन्दगी
সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে। বাংলা, ড়, ঢ়, য়
ਸਾਰਾ ਮਨੁੱਖੀ ਪਰਿਵਾਰ ਆਪਣੀ ਮਹਿਮਾ, ਸ਼ਾਨ ਅਤੇ ਹੱਕਾਂ ਦੇ ਪੱਖੋਂ ਜਨਮ ਤੋਂ ਹੀ ਆਜ਼ਾਦ ਹੈ
પ્રતિષ્ઠા અને અધિકારોની દૃષ્ટિએ સર્વ માનવો જન્મથી સ્વતંત્ર અને સમાન હોય છે
மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்; மதிப்பிலும் உரிமைகளிலும் சமமானவர்கள். கொக்கு
ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును జన్మతః స్వతంత్రులును సమానులును నగుదురు
ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ ಹಾಗೂ ಘನತೆ ಮತ್ತು ಹಕ್ಕುಗಳಲ್ಲಿ ಸಮಾನರಾಗಿದ್ದಾರೆ
മനുഷ്യരെല്ലാവരും തുല്യാവകാശങ്ങളോടും അന്തസ്സോടും സ്വാതന്ത്ര്യത്തോടുംകൂടി ജനിച്ചിട്ടുള്ളവരാണ്
සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත. ගරුත්වයෙන් හා අයිතිවාසිකම්වලින් සමාන වෙති
มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ภาษาไทย ๑๒๓
ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ ສິດທິ ເສລີພາບ ແລະ ຄວາມສະເໝີພາບເທົ່າທຽມກັນ
လူတိုင်းသည် တူညီလွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် လည်းကောင်း၊ မွေးဖွားလာသူများဖြစ်သည်။
មនុស្សទាំងអស់ កើតមកមានសេរីភាព និងសមភាព ក្នុងផ្នែកសេចក្ដីថ្លៃថ្នូរ និងសិទ្ធិ។
འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས་དང༌། ཐོབ་ཐངགི་རང་དབང་འདྲ་མཉམ་དུ་ཡོད་ལ།
የሰው፡ልጅ፡ሁሉ፡ሲወለድ፡ነጻና፡በክብርና፡በመብትም፡እኩልነት፡ያለው፡ነው። ኢትዮጵያ አማርኛ
人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。
人人生而自由，在尊嚴和權利上一律平等。中文「測試」《書名》、𠮷野家，𠀀𠀁字。
すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。ガギグ・パピプ、ｶﾞｷﾞ
모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 한국어 띄어쓰기, 값있는 넋.
Хүн бүр төрж мэндлэхдээ эрх чөлөөтэй. ᠬᠦᠮᠦᠨ ᠪᠦᠷ ᠲᠥᠷᠥᠵᠦ ᠮᠡᠨᠳᠡᠯᠡᠬᠦ
ᏂᎦᏓ ᎠᏂᏴᏫ ᏂᎨᎫᏓᎸᎾ ᎠᎴ ᎤᏂᏠᏱ. ꮳꮃꭹ
ᐃᓅᔪᓕᒫᑦ ᐊᓂᖅᑎᕆᔪᓕᒫᑦ ᐃᓱᒪᕐᓱᕐᖢᑎᒃ ᐊᒻᒪᓗ
`.trim().split('\n');

const emoji = ['😀', '👍🏽', '👩‍👩‍👧‍👦', '🏳️‍🌈', '❤️', '☺', '🇫🇷', '1️⃣', '🧑🏿‍🚀', '🤷‍♀️', '👨‍💻', '🫠', '🎉', '✅', '⚠️', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'];
const words = sentences.flatMap((s) => s.split(/\s+/));
const blocks = {
  latin: [0x21, 0x24f], ipa: [0x250, 0x2af], modifiers: [0x2b0, 0x2ff], marks: [0x300, 0x36f], greek: [0x370, 0x3ff],
  cyrillic: [0x400, 0x52f], armenian: [0x531, 0x58a], hebrew: [0x591, 0x5f4], arabic: [0x600, 0x6ff],
  syriac: [0x700, 0x74f], thaana: [0x780, 0x7b1], devanagari: [0x900, 0x97f], bengali: [0x981, 0x9fd],
  gurmukhi: [0xa01, 0xa75], tamil: [0xb82, 0xbfa], telugu: [0xc00, 0xc7f], malayalam: [0xd00, 0xd7f],
  thai: [0xe01, 0xe5b], tibetan: [0xf00, 0xfda], myanmar: [0x1000, 0x109f], georgian: [0x10a0, 0x10ff],
  jamo: [0x1100, 0x11ff], ethiopic: [0x1200, 0x137c], cherokee: [0x13a0, 0x13fd], runes: [0x1680, 0x16f8],
  khmer: [0x1780, 0x17f9], mongolian: [0x1800, 0x18aa], phonetic: [0x1d00, 0x1dbf], more_marks: [0x1dc0, 0x1dff],
  vietnamese: [0x1e00, 0x1eff], polytonic: [0x1f00, 0x1ffe], punctuation: [0x2000, 0x206f], raised: [0x2070, 0x209c],
  money: [0x20a0, 0x20c0], symbols: [0x2100, 0x214f], numbers: [0x2150, 0x218b], arrows: [0x2190, 0x22ff],
  technical: [0x2300, 0x23ff], circled: [0x2460, 0x24ff], shapes: [0x2500, 0x27bf], braille: [0x2800, 0x28ff],
  glagolitic: [0x2c00, 0x2c5f], coptic: [0x2c80, 0x2cff], quotes: [0x2e00, 0x2e5d], radicals: [0x2e80, 0x2ef3],
  cjk_marks: [0x3000, 0x303f], hiragana: [0x3041, 0x309f], katakana: [0x30a0, 0x30ff], bopomofo: [0x3105, 0x312f],
  enclosed: [0x3200, 0x33ff], extension_a: [0x3400, 0x4dbf], ideographs: [0x4e00, 0x9fff], yi: [0xa000, 0xa4c6],
  cherokee_small: [0xab70, 0xabbf], hangul: [0xac00, 0xd7a3], private: [0xe000, 0xf8ff], compatible: [0xf900, 0xfad9],
  ligatures: [0xfb00, 0xfb4f], arabic_forms: [0xfe70, 0xfefc], wide: [0xff01, 0xffee], specials: [0xfff9, 0xfffd],
  linear_b: [0x10000, 0x100fa], gothic: [0x10330, 0x1034a], deseret: [0x10400, 0x1044f], cuneiform: [0x12000, 0x12399],
  music: [0x1d100, 0x1d1e8], maths: [0x1d400, 0x1d7ff], adlam: [0x1e900, 0x1e95f], cards: [0x1f0a0, 0x1f0f5],
  emoji: [0x1f300, 0x1f64f], people: [0x1f900, 0x1f9ff], extension_b: [0x20000, 0x2a6df],
  extension_c: [0x2a700, 0x2b738], compatible_more: [0x2f800, 0x2fa1d], tags: [0xe0020, 0xe007f],
};
// A few characters of each block are in the vocabularies, and every other one that is drawn is one of those.
const known = new Map(Object.values(blocks).map((block) =>
  [block, times(12, () => String.fromCodePoint(block[0] + random(block[1] - block[0] + 1)))]));
const character = (block) => (random(2) ? pick(known.get(block))
                                        : String.fromCodePoint(block[0] + random(block[1] - block[0] + 1)));
const from_block = (block, n) => times(n, () => character(block)).join('');

// ---- vocabularies: characters, then joined pairs (plain BPE over the sentences), a few oddities ----

const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const options = (lowercase) => ({ type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true,
                                  strip_accents: null, lowercase });
const build = (pieces, lowercase) => {
  const tokenizer = new Tokenizer({
    version: '1.0', truncation: null, padding: null,
    added_tokens: specials.map((content) => ({ id: pieces.indexOf(content), content, single_word: false, lstrip: false,
                                               rstrip: false, normalized: false, special: true })),
    normalizer: options(lowercase), pre_tokenizer: { type: 'BertPreTokenizer' }, post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100,
             vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])) },
  }, { tokenizer_class: 'BertTokenizer' });
  return tokenizer;
};

const inside = (code, ranges) => ranges.some(([from, to]) => code >= from && code <= to);
const ideographs = [[0x4e00, 0x9fff], [0x3400, 0x4dbf], [0x20000, 0x2a6df], [0x2a700, 0x2b73f], [0x2b740, 0x2b81f],
                    [0x2b820, 0x2ceaf], [0xf900, 0xfaff], [0x2f800, 0x2fa1f]];
const correct = (tokenizer) => {
  tokenizer.normalizer.tokenize_chinese_chars =
    (text) => [...text].map((c) => (inside(c.codePointAt(0), ideographs) ? ` ${c} ` : c)).join('');
  return tokenizer;
};

const learn = (lowercase, size) => {
  const probe = correct(build(specials, lowercase));
  const counts = new Map();
  for (const sentence of sentences)
    for (const word of probe.pre_tokenizer.pre_tokenize_text(probe.normalizer.normalize(sentence), {}))
      counts.set(word, (counts.get(word) ?? 0) + 1);
  const letters = new Set();
  for (const word of counts.keys()) for (const c of word) letters.add(c);
  for (const c of emoji.join('')) if (!/\p{Cf}/u.test(c)) letters.add(c);
  for (let code = 0x21; code < 0x250; code++) {
    const c = String.fromCodePoint(code);
    if (/[\p{L}\p{N}\p{P}\p{S}]/u.test(c) && (!lowercase || c === c.toLowerCase())) letters.add(c);
  }
  for (const list of known.values())
    for (const c of probe.normalizer.normalize(list.join(' '))) if (!/[\s\p{C}]/u.test(c)) letters.add(c);
  const pieces = [...specials, ...times(8, (i) => `[unused${i}]`)];
  for (const c of [...letters].sort()) pieces.push(c);
  for (const c of [...letters].sort()) if (/[\p{L}\p{M}\p{N}\p{S}]/u.test(c)) pieces.push('##' + c);
  for (const odd of ['##❤', 'ﬁ', '##ﬁ', '™', '##™', '€', '##€', '가', '각', 'ΐ', '##ς', 'ß', '##ß'])
    if (!pieces.includes(odd)) pieces.push(odd);
  let split = [...counts].map(([word, n]) => [[...word].map((c, i) => (i ? '##' + c : c)), n]);
  const made = new Set(pieces);
  while (pieces.length < size) {
    const pairs = new Map();
    for (const [list, n] of split)
      for (let i = 0; i + 1 < list.length; i++) {
        const key = list[i] + ' ' + list[i + 1];
        pairs.set(key, (pairs.get(key) ?? 0) + n);
      }
    const best = [...pairs].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
    if (!best) break;
    const [left, right] = best[0].split(' ');
    const joined = left + right.slice(2);
    if (!made.has(joined)) pieces.push(joined);
    made.add(joined);
    split = split.map(([list, n]) => {
      const out = [];
      for (let i = 0; i < list.length; i++)
        if (list[i] === left && list[i + 1] === right) { out.push(joined); i++; } else out.push(list[i]);
      return [out, n];
    });
  }
  return pieces;
};

// ---- the strings, as bytes ----

const strings = [];
const add = (text) => strings.push(Buffer.from(text, 'utf8'));
const add_bytes = (bytes) => strings.push(Buffer.from(bytes));

['', ' ', 'a', '[', ']', '##', '##a', '#', 'a##b', '[UNK', '\\x41', '\\'].forEach(add);
for (const sentence of sentences) {
  add(sentence);
  add(sentence.toUpperCase());
  add(sentence.toLowerCase());
  for (const form of ['NFC', 'NFD', 'NFKD']) add(sentence.normalize(form));
}
for (const block of Object.values(blocks)) {
  times(5, () => add(from_block(block, 1 + random(6))));
  times(4, () => add(pick(words) + from_block(block, 1 + random(3)) + pick(words)));
  times(3, () => add(times(4, () => from_block(block, 1 + random(4))).join(' ')));
}
const spaces = ['\t', '\n', '\r', '\v', '\f', '\r\n', '\u0085', '\u00a0', '\u1680', '\u180e', '\u2000', '\u2003', '\u2009',
                '\u200a', '\u200b', '\u200c', '\u200d', '\u2028', '\u2029', '\u202f', '\u205f', '\u2060', '\u3000', '\ufeff'];
for (const space of spaces) {
  add(space);
  add(`free${space}and${space}${space}equal`);
  add(`${space} ${pick(words)}${space}.${space}${pick(words)}${space}`);
}
times(33, (i) => add(`be${String.fromCharCode(i === 32 ? 127 : i)}ing ${String.fromCharCode(i)}é`));
times(32, (i) => add(`con${String.fromCharCode(128 + i)}trol`));
for (let code = 0x21; code < 0x7f; code++)
  if (!/[a-z0-9]/i.test(String.fromCharCode(code))) add(`human${String.fromCharCode(code)}rights ${String.fromCharCode(code)}`);
for (const c of '¡§«¶·»¿‐–—―‖‘’“”„†‡•…‰′″‹›‽⁂⁄₍〈〉「」『』【】〜・！，．：；？［］｛｝｟־׃،؛؟।॥๏᠃⸮⹀€£¥©®°±×÷¬¦¨¯´¸ˆ˜')
  add(`reason${c}conscience ${c}${c}`);
for (const e of emoji) {
  add(e);
  add(`born${e}free ${e}${e} ${pick(emoji)}!`);
  add(pick(words) + ' ' + e + pick(words));
}
for (const text of ['İ', 'I', 'ı', 'i̇', 'İstanbul', 'DİYARBAKIR', 'ß', 'ẞ', 'STRASSE Straße STRAẞE', 'ﬁ ﬀ ﬃ ﬆ oﬀice', 'ŉ ǰ ΐ ᾳ ᾼ ᾈ',
                    'Σ', 'ΑΣ', 'ΑΣΑ', 'ΑΣ.Α', 'ΑΣ.', 'ΑΣ ', 'Α.Σ', "ΑΣ'", 'ΑΣ\u0301Α', 'ΑΣ\u0301', '1Σ', 'ΣΣΣ ΣΣ', 'aΣ', 'aΣ中', '中ΣΑ',
                    'ΑΣ\u00adΑ', 'ΑΣ\u200b', 'ªΣ', 'ⅧΣ', 'ⓐΣ1', 'ʰΣ', 'Σʰ', 'ǅ Ǆ ǆ', 'K Å Ω', 'Ａ Ｂ', '𝐀𝒷', '𐐀𐐨', 'Ꭰ ꭰ', 'Ა ა', 'Ⅻ ⅻ', 'Ⓐ',
                    'å å Å', 'q̣̇ q̣̇', 'é́́', '́', ' ́a', 'a ́', '각 각 ᆨ', 'が が', '≠ ≠ ≮', 'క్ష', 'ä̈', '豈 更 鼻',
                    'a\u0000\u0301b', '\u1fef\u037e\u0387', '\ud834\udd5f \u302e\u302f', '〇 ㊀ ㍿ ｱ', "don't can't we're I've he's I'm", "' ' n't"])
  add(text);
for (const [letter, counts] of [['a', [1, 50, 99, 100, 101, 200, 1000]], ['é', [50, 99, 100, 101]], ['e\u0301', [50, 51, 100, 101]],
                                ['ß', [100, 101]], ['İ', [50, 51, 100, 101]], ['각', [33, 34, 50, 100]], ['가', [50, 51]], ['😀', [99, 100, 101]],
                                ['ж', [100, 101]], ['\u0301', [100, 101, 300]], ['中', [101]], ['.', [101]], ['a\u200d', [100, 101]]])
  for (const n of counts) {
    add(letter.repeat(n));
    add(`free ${letter.repeat(n)} equal`);
    add(`${letter.repeat(n)}.${letter.repeat(3)}`);
  }
for (const special of specials) {
  for (const f of [(s) => s, (s) => ` ${s} `, (s) => `a${s}b`, (s) => s + s, (s) => s.toLowerCase(), (s) => s.slice(0, -1),
                   (s) => `[${s}]`, (s) => `É${s}É`, (s) => `##${s}##`, (s) => `${s}Σ`, (s) => `ΑΣ${s}Α`, (s) => s.replace('[', '[ '),
                   (s) => `[[${s}`, (s) => `中${s}中`, (s) => `${s}\u0301`])
    add(f(special));
  add(`The ${special} of the human ${pick(specials)}${pick(specials)}.`);
}
const combining = [...'aAbBΣσΑα.:\'’·, -[]#ſßİIıÅé', '\u0301', '\u0323', '\u0308', '\u05b0', '\u05b4', '\u3099', '\u302e', '\u0345',
                   '\u1e9b', '\u212b', '\u0344', '\u0f73', '\ud834\udd5f', '\ud834\udd65', '\u00ad', '\u200d', '\ufeff', '\u0000', '\u000b',
                   '\u2028', '\u00a0', '中', '\ud842\udfb7', '가', 'ᄀ', 'ᅡ', '\u11a8', 'ª', 'Ⅷ', 'ⓐ', '\uf900', '\u2260', '\ufffd', '한', 'が'];
times(400, () => add(times(2 + random(12), () => pick(combining)).join('')));
times(300, () => add(times(1 + random(8), () => (random(4) ? pick(words) : character(pick(Object.values(blocks)))))
  .join(pick(['', ' ', '  ', '-', '\u00a0']))));
// not UTF-8
for (const bytes of [[0x80], [0xff], [0xfe, 0xff], [0xc0, 0x80], [0xc1, 0xbf], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf],
                     [0xf0, 0x80, 0x80, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xf0, 0x9f],
                     [0xc3], [0xe2, 0x28, 0xa1], [0xf0, 0x28, 0x8c, 0xbc], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xef, 0xbb, 0xbf], [0xef, 0xbf, 0xbd]]) {
  add_bytes(bytes);
  add_bytes([...Buffer.from('fre'), ...bytes, ...Buffer.from('e équal')]);
  add_bytes([...Buffer.from('Σ'), ...bytes, ...Buffer.from('Σ [MASK]'), ...bytes]);
}
times(150, () => add_bytes(times(1 + random(24), () => random(256))));
times(150, () => {
  const bytes = Buffer.from(pick(sentences)).subarray(0, 60);
  times(1 + random(3), () => { bytes[random(bytes.length)] = random(256); });
  add_bytes(bytes);
});
times(50, () => add_bytes(Buffer.from(pick(sentences)).subarray(random(5), 20 + random(30))));

// ---- writing ----

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const hex = (byte) => '\\x' + byte.toString(16).padStart(2, '0');
const escape = (bytes) => {
  let text;
  try { text = utf8.decode(bytes); } catch { text = null; }
  if (text === null)
    return [...bytes].map((b) => (b < 0x20 || b > 0x7e ? hex(b) : b === 0x5c ? '\\\\' : String.fromCharCode(b))).join('');
  return [...text].map((c) => (c === '\\' ? '\\\\' : c !== ' ' && /[\p{C}\p{Z}\p{M}]/u.test(c) ? [...Buffer.from(c)].map(hex).join('') : c)).join('');
};

const seen = new Set();
const unique = strings.filter((bytes) => !seen.has(bytes.toString('latin1')) && seen.add(bytes.toString('latin1')));
const vocabularies = { cased: learn(false, 5600), uncased: learn(true, 4800) };
const tokenizers = {};
for (const [name, pieces] of Object.entries(vocabularies)) {
  fs.writeFileSync(path.join(folder, `wordpiece_${name}_vocab.txt`), pieces.join('\n') + '\n');
  tokenizers[name] = correct(build(pieces, name === 'uncased'));
}
const plain = { cased: build(vocabularies.cased, false), uncased: build(vocabularies.uncased, true) };
const ids = (tokenizer, text) => (text === '' ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids).join(' ');
let corrected = 0;
const lines = unique.map((bytes) => {
  const text = lenient.decode(bytes);
  const both = [ids(tokenizers.cased, text), ids(tokenizers.uncased, text)];
  if (ids(plain.cased, text) !== both[0] || ids(plain.uncased, text) !== both[1]) corrected++;
  return [escape(bytes), ...both].join('\t');
});
fs.writeFileSync(path.join(folder, 'wordpiece_strings.txt'), lines.join('\n') + '\n');

const decoded = [];
const escape_text = (text) => escape(Buffer.from(text, 'utf8'));
const add_decoded = (list) => decoded.push([list.join(' '), escape_text(tokenizers.uncased.decode(list)),
                                            escape_text(tokenizers.uncased.decode(list, { skip_special_tokens: true }))].join('\t'));
for (const line of lines.slice(0, 300)) {
  const list = line.split('\t')[2].split(' ').filter(Boolean).map(Number);
  if (list.length) add_decoded(list);
}
times(300, () => add_decoded(times(1 + random(12), () => random(random(2) ? 60 : vocabularies.uncased.length))));
fs.writeFileSync(path.join(folder, 'wordpiece_decode.txt'), decoded.join('\n') + '\n');
const unknown = lines.filter((line) => line.split('\t')[2].split(' ').every((id) => id === '1')).length;
console.log(`${lines.length} strings, ${unknown} of them only [UNK] or empty, ${corrected} corrected; ${decoded.length} decoded; ` +
            Object.entries(vocabularies).map(([name, pieces]) => `${name} ${pieces.length} pieces`).join(', '));
