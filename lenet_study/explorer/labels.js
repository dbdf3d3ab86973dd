/** All words that a person sees, in English and Korean. */
export const labels = {
  title: { en: "LeNet-5 alive", ko: "살아 있는 LeNet-5" },
  opening: {
    en: "LeNet-5 is a neural network of 1998 that reads handwritten digits. It runs here, on your device, and hides nothing. Start with a digit: draw one in the black field, and watch what each layer makes of it.",
    ko: "LeNet-5는 손으로 쓴 숫자를 읽는 1998년의 신경망입니다. 이 화면 안에서 실제로 계산하며, 속을 모두 보여 줍니다. 먼저 검은 칸에 숫자를 하나 그리고, 층마다 무엇이 되는지 지켜보세요.",
  },

  draw: { en: "Draw a digit", ko: "숫자를 그려 보세요" },
  "draw about": {
    en: "A digit from 0 to 9, with mouse, finger, pen or keyboard. The network reads along.",
    ko: "0부터 9까지의 숫자 하나를 마우스, 손가락, 펜이나 키보드로 그리세요. 그리는 동안 바로 읽습니다.",
  },
  "drawing field": {
    en: "Field to draw in. Arrow keys move the pen, Space puts it down and lifts it, Backspace undoes, Delete clears.",
    ko: "숫자를 그리는 칸. 화살표 키로 펜을 움직이고, 스페이스로 펜을 내리거나 들고, 백스페이스로 되돌리고, Delete로 지웁니다.",
  },
  "field hint": { en: "Draw here", ko: "여기에 그리세요" },
  undo: { en: "Undo", ko: "되돌리기" },
  clear: { en: "Clear", ko: "지우기" },
  file: { en: "Photo…", ko: "사진…" },
  keys: {
    en: "Keyboard: arrow keys move the pen (two together: aslant), Space puts it down or lifts it, Backspace undoes, Delete clears. A photo of a digit can be dropped or pasted here.",
    ko: "키보드: 화살표 키로 펜을 움직이고(두 개를 함께 누르면 비스듬히), 스페이스로 내리거나 들고, 백스페이스로 되돌리고, Delete로 지웁니다. 숫자 사진을 끌어다 놓거나 붙여 넣어도 됩니다.",
  },
  "pen down": { en: "The pen is down.", ko: "펜을 내렸습니다." },
  "pen up": { en: "The pen is up. Space puts it down.", ko: "펜을 들었습니다. 스페이스를 누르면 내립니다." },
  broken: { en: "This file is no image that can be opened.", ko: "열 수 있는 이미지 파일이 아닙니다." },
  "no-ink": {
    en: "No ink is found: all of it touches the border, or there are only specks.",
    ko: "획을 찾지 못했습니다. 모두 가장자리에 닿아 있거나 점뿐입니다.",
  },
  "too-faint": {
    en: "No ink is found: nothing stands out from the background.",
    ko: "획을 찾지 못했습니다. 배경과 뚜렷이 다른 것이 없습니다.",
  },
  "too-small": {
    en: "The ink is too small for a digit. Draw on.",
    ko: "숫자라고 하기에는 획이 너무 작습니다. 더 그려 보세요.",
  },
  "wrong-size": {
    en: "This image is too small, too large or too long.",
    ko: "이미지가 너무 작거나 너무 크거나 너무 깁니다.",
  },
  digits: { en: "Or take a digit", ko: "또는 숫자를 고르세요" },
  "digits about": {
    en: "Stored digits of the test set, which the network has never learned from.",
    ko: "테스트 세트의 숫자입니다. 신경망은 이 숫자들로 학습하지 않았습니다.",
  },
  "kind of digit": { en: "Which stored digits", ko: "저장된 숫자의 종류" },
  "kind test": { en: "Test digits", ko: "테스트 숫자" },
  "kind paper": { en: "The paper's 82 mistakes", ko: "논문의 오답 82개" },
  "kind mistake": { en: "Mistakes of LeNet-5 here", ko: "여기 LeNet-5의 오답" },
  "kind variant": { en: "Mistakes of the modern variant", ko: "현대식 변형의 오답" },
  another: { en: "Another one", ko: "다른 숫자" },
  "stored digits": {
    en: "Stored digits. Arrow keys go from one to the next.",
    ko: "저장된 숫자. 화살표 키로 옮겨 갑니다.",
  },
  "stored digit": { en: "a {0}, test image {1}", ko: "숫자 {0}, 테스트 이미지 {1}" },
  "told test": { en: "Test image {0}: a {1}.", ko: "테스트 이미지 {0}: 숫자 {1}." },
  "told paper": {
    en: "Test image {0}: a {1}. The network of the paper read {2}.",
    ko: "테스트 이미지 {0}: 숫자 {1}. 논문의 신경망은 {2}(으)로 읽었습니다.",
  },
  "told mistake": {
    en: "Test image {0}: a {1}. LeNet-5 reads {2}.",
    ko: "테스트 이미지 {0}: 숫자 {1}. LeNet-5는 {2}(으)로 읽습니다.",
  },
  "told variant": {
    en: "Test image {0}: a {1}. The modern variant reads {2}.",
    ko: "테스트 이미지 {0}: 숫자 {1}. 현대식 변형은 {2}(으)로 읽습니다.",
  },

  "kernel gone": {
    en: "Python no longer listens: its kernel has stopped or started anew. You can go on here. Run the cell again to get what you draw.",
    ko: "파이썬 커널이 멈췄거나 다시 시작되어 더는 듣지 않습니다. 여기서는 계속할 수 있습니다. 그린 것을 받으려면 셀을 다시 실행하세요.",
  },

  answer: { en: "The answer", ko: "신경망의 답" },
  "answer about": {
    en: "What the network reads, and how sure it is.",
    ko: "신경망이 무엇으로 읽었는지, 얼마나 확신하는지 보여 줍니다.",
  },

  seen: { en: "What the network sees", ko: "신경망이 보는 것" },
  "seen about": {
    en: "28×28 pixels. Drag the picture or move a slider: does the answer stay?",
    ko: "28×28 픽셀입니다. 그림을 끌거나 슬라이더를 움직여 보세요. 답은 그대로일까요?",
  },
  "seen digit": {
    en: "The digit of 28 by 28 pixels. Drag it, or shift it by the sliders.",
    ko: "28×28 픽셀의 숫자. 끌거나 슬라이더로 옮깁니다.",
  },
  normalize: { en: "Size normalization", ko: "크기 정규화" },
  normalizes: {
    en: "It finds the ink, makes its longer side 20 pixels, and centres it.",
    ko: "획을 찾아 긴 쪽을 20픽셀로 맞추고 가운데로 옮깁니다.",
  },
  normalized: {
    en: "Found ink of {0}×{1} pixels (the dashed box). Scaled it by {2}, so that its longer side is 20 pixels. Moved its centre of mass to the middle.",
    ko: "{0}×{1} 픽셀의 획을 찾았습니다(점선 상자). 긴 쪽이 20픽셀이 되도록 {2}배 하고, 무게중심을 가운데로 옮겼습니다.",
  },
  "not normalized": {
    en: "Off: the whole field is only reduced to 28×28. The network was trained with digits of one size in the middle. It may not know yours as it lies here.",
    ko: "꺼짐: 칸 전체를 28×28로 줄이기만 합니다. 신경망은 크기가 같고 가운데 있는 숫자로 학습했기 때문에, 이대로는 알아보지 못할 수 있습니다.",
  },
  "already normalized": {
    en: "A stored digit: this was already done for it.",
    ko: "저장된 숫자는 이미 정규화되어 있습니다.",
  },
  reset: { en: "Reset", ko: "원래대로" },
  "change right": { en: "right", ko: "오른쪽" },
  "change down": { en: "down", ko: "아래" },
  "change angle": { en: "turn (°)", ko: "회전(°)" },
  "change scale": { en: "size", ko: "크기" },
  "change squeeze": { en: "width", ko: "너비" },
  "change thickness": { en: "thickness", ko: "굵기" },
  "change noise": { en: "noise", ko: "잡음" },
  "change occlusion": { en: "hidden bar", ko: "가림 막대" },
  "change place": { en: "its place", ko: "막대 위치" },
  still: { en: "{0}: still {1}.", ko: "{0}: 여전히 {1}." },
  flipped: { en: "{0}: now {1}, changed {2} times.", ko: "{0}: 지금 {1}, {2}번 바뀜." },

  layers: { en: "All layers", ko: "모든 층" },
  "layers about": {
    en: "The digit goes from layer to layer. Each small picture is a map: what one kernel found, and where.",
    ko: "숫자가 층에서 층으로 전달됩니다. 작은 그림 하나가 특징 맵입니다. 커널 하나가 무엇을 어디에서 찾았는지 보여 줍니다.",
  },
  unit: { en: "One unit", ko: "유닛 하나" },
  "unit about": {
    en: "Each pixel of a map is a unit. Point at one above: here is what it takes, and how it computes its value.",
    ko: "맵의 픽셀 하나가 유닛 하나입니다. 위에서 하나를 가리키면, 무엇을 받아 어떻게 값을 계산하는지 여기에 나옵니다.",
  },
  convolution: { en: "A convolution, step by step", ko: "합성곱, 한 걸음씩" },
  "convolution about": {
    en: "A window slides over the digit. Window times kernel, added up, gives one pixel of the map.",
    ko: "창이 숫자 위를 미끄러집니다. 창과 커널을 곱해 모두 더하면 특징 맵의 한 픽셀이 됩니다.",
  },

  training: { en: "The training", ko: "학습" },
  "training about": {
    en: "Nobody wrote these kernels: the network learned them, digit by digit. Move the slider from random weights to the trained network. All of the page shows LeNet-5 at that moment.",
    ko: "이 커널은 사람이 만들지 않았습니다. 신경망이 숫자를 하나씩 보며 배웠습니다. 슬라이더를 무작위 가중치에서 학습된 신경망까지 옮겨 보세요. 페이지 전체가 그때의 LeNet-5를 보여 줍니다.",
  },
  moment: { en: "Moment of the training", ko: "학습의 시점" },
  "moment first": {
    en: "Before the training: random weights. {0} % of the test digits are read wrongly.",
    ko: "학습 전: 무작위 가중치. 테스트 숫자의 {0} %를 틀립니다.",
  },
  "moment patterns": {
    en: "After {1} digits. {0} % of the test digits are read wrongly.",
    ko: "숫자 {1}개를 본 뒤. 테스트 숫자의 {0} %를 틀립니다.",
  },
  "moment epochs": {
    en: "After all 60,000 digits, {1} times over. {0} % of the test digits are read wrongly.",
    ko: "숫자 60,000개를 {1}번 본 뒤. 테스트 숫자의 {0} %를 틀립니다.",
  },
  "moment last": {
    en: "The network of this page. It had another training, also with shifted, turned and spoilt digits.",
    ko: "이 페이지의 신경망입니다. 옮기고 돌리고 망가뜨린 숫자까지 써서 따로 학습했습니다.",
  },
  "moment reads": { en: "It reads your digit as: {0}.", ko: "이 숫자를 읽은 답: {0}." },
  "film C1": { en: "the six kernels of C1", ko: "C1의 커널 여섯 개" },
  "film F6": { en: "what F6 draws", ko: "F6의 그림" },

  tasks: { en: "Five tasks", ko: "다섯 가지 과제" },
  "tasks about": {
    en: "Small tasks that lead you through the page. It notices when you have done one.",
    ko: "페이지를 따라가며 해 보는 작은 과제입니다. 해내면 페이지가 알아차립니다.",
  },
  task: { en: "Task {0} of {1}: {2}", ko: "과제 {0}/{1}: {2}" },
  hint: { en: "A hint", ko: "힌트" },
  "next task": { en: "Next task", ko: "다음 과제" },
  "tasks done": { en: "Done, {0} of {1}.", ko: "해냈습니다. {1}개 중 {0}개." },
  wrong: {
    en: "Not yet. Click a unit of C3, and count the lines that come from S2.",
    ko: "아직 아닙니다. C3의 유닛을 클릭하고 S2에서 오는 선을 세어 보세요.",
  },
  "how many": { en: "How many maps of S2?", ko: "S2의 맵 몇 개?" },
  "task corner": { en: "small, in a corner", ko: "구석에 작게" },
  "task corner words": {
    en: "Draw a digit small, in a corner of the field. Is it still read?",
    ko: "칸의 한구석에 숫자를 작게 그리세요. 그래도 읽을까요?",
  },
  "task corner hint": {
    en: "Less than half as high as the field, close to two of its sides. The networks have to agree: if they do not, clear and draw more plainly.",
    ko: "칸 높이의 절반보다 작게, 두 변에 가깝게 그리세요. 두 신경망의 답이 같아야 합니다. 다르면 지우고 더 또렷하게 그려 보세요.",
  },
  "task corner done": {
    en: "Size normalization found the ink, enlarged it and put it in the middle. The network never sees where you drew.",
    ko: "크기 정규화가 획을 찾아 키우고 가운데로 옮겼습니다. 어디에 그렸는지 신경망은 보지 못합니다.",
  },
  "task normalization": { en: "without size normalization", ko: "크기 정규화 없이" },
  "task normalization words": {
    en: "Keep the small digit. Switch the size normalization off, and watch the answer break.",
    ko: "작게 그린 숫자를 그대로 두고 크기 정규화를 끄세요. 답이 어떻게 무너지나요?",
  },
  "task normalization hint": {
    en: "The switch stands in “What the network sees”. If the answer holds, draw smaller or closer to the corner, with the switch on, and switch it off again.",
    ko: "스위치는 ‘신경망이 보는 것’에 있습니다. 답이 그대로라면 스위치를 켠 채 더 작게, 더 구석에 그리고 다시 끄세요.",
  },
  "task normalization done": {
    en: "Nothing but place and size has changed. The network learned digits of one size in the middle, so it needs this step before it. Switch it on again.",
    ko: "바뀐 것은 위치와 크기뿐입니다. 신경망은 크기가 같고 가운데 있는 숫자를 배웠으므로 이 단계가 앞에 있어야 합니다. 다시 켜 두세요.",
  },
  "task otherwise": { en: "change the answer", ko: "답을 바꿔 보세요" },
  "task otherwise words": {
    en: "Take a 7. Drag, turn, squeeze or hide parts of it until LeNet-5 reads something else. Then point at the map of C1 that sees its bar.",
    ko: "7을 하나 고르세요. LeNet-5가 다른 것으로 읽을 때까지 끌고, 돌리고, 누르고, 가려 보세요. 그런 다음 C1에서 가로획을 보는 맵을 가리키세요.",
  },
  "task otherwise hint": {
    en: "A test digit will do. Turned by −60 degrees, most sevens are a 2 to the network; at half their width, some are a 1. Then go to “All layers”: in which map of C1 has the bar the strongest colour?",
    ko: "테스트 숫자도 됩니다. −60도 돌리면 대부분의 7을 2로 읽고, 너비를 절반으로 줄이면 1로 읽기도 합니다. 그런 다음 ‘모든 층’으로 가서 C1의 어느 맵에서 가로획의 색이 가장 짙은지 보세요.",
  },
  "task otherwise done": {
    en: "Each map of C1 looks for one thing everywhere: an edge across, an edge down, a corner. What they do not find, no later layer can see.",
    ko: "C1의 맵은 저마다 한 가지를 모든 곳에서 찾습니다. 가로 경계, 세로 경계, 모서리 같은 것입니다. 여기서 찾지 못한 것은 뒤의 층도 볼 수 없습니다.",
  },
  "task links": { en: "who listens to whom", ko: "누가 누구를 볼까" },
  "task links words": {
    en: "Click a unit of C3 in LeNet-5, so that it stays. How many maps of S2 does it take?",
    ko: "LeNet-5의 C3에서 유닛 하나를 클릭해 고정하세요. S2의 맵을 몇 개 받을까요?",
  },
  "task links hint": {
    en: "Lines lead from the maps of S2 to the unit. “One unit” shows a window for each.",
    ko: "S2의 맵에서 유닛으로 선이 이어집니다. ‘유닛 하나’에는 맵마다 창이 하나씩 있습니다.",
  },
  "task links done": {
    en: "The maps of C3 take 3, 4 or all 6 maps of S2, each another choice. So they have to find different things.",
    ko: "C3의 맵은 S2의 맵을 3개, 4개 또는 6개 모두 받고, 고른 조합이 서로 다릅니다. 그래서 서로 다른 것을 찾게 됩니다.",
  },
  "task moment": { en: "the moment it learned", ko: "배운 순간" },
  "task moment words": {
    en: "Find the moment of the training from which LeNet-5 reads your digit rightly.",
    ko: "학습의 어느 시점부터 LeNet-5가 여러분의 숫자를 바르게 읽나요?",
  },
  "task moment hint": {
    en: "Go to “The training”. Begin at random weights on the left, and go one step at a time.",
    ko: "‘학습’으로 가서, 왼쪽 끝의 무작위 가중치에서 시작해 한 칸씩 옮기세요.",
  },
  "task moment done": {
    en: "It learned this digit between these two moments. Look at the kernels: from noise they became edges. Move the slider to the right end again.",
    ko: "이 두 시점 사이에 이 숫자를 배웠습니다. 커널을 보세요. 잡음이 경계 모양이 되었습니다. 슬라이더를 다시 오른쪽 끝으로 옮기세요.",
  },
  "task kernel": { en: "another kernel", ko: "다른 커널" },
  "task kernel words": {
    en: "Edit a kernel of C1 so that the answer changes.",
    ko: "C1의 커널 하나를 고쳐 답을 바꿔 보세요.",
  },
  "task kernel hint": {
    en: "Go to “A convolution”. Choose a map, take one of the five kernels, or write larger weights.",
    ko: "‘합성곱’으로 가서 맵을 고르고, 다섯 커널 중 하나를 쓰거나 더 큰 가중치를 넣어 보세요.",
  },
  "task kernel done": {
    en: "All later layers had learned what this map tells them. With another kernel it tells something else.",
    ko: "뒤의 층은 모두 이 맵이 알려 주는 것에 맞추어 배웠습니다. 커널이 바뀌면 다른 것을 알려 줍니다.",
  },
};

/** The words of the layers, of one unit and of the convolution. */
Object.assign(labels, {
  lenet5: { en: "LeNet-5 of 1998", ko: "1998년의 LeNet-5" },
  lenet5_modern: { en: "The modern variant", ko: "현대식 변형" },
  "lenet5 about": {
    en: "scaled tanh, subsampling, distances to codes",
    ko: "스케일된 tanh, 서브샘플링, 코드까지의 거리",
  },
  "lenet5_modern about": {
    en: "swish, max pooling, softmax",
    ko: "swish, 최대 풀링, 소프트맥스",
  },
  "show before": { en: "Show the values", ko: "보여 줄 값" },
  "after squashing": { en: "after squashing", ko: "활성화 함수 뒤" },
  "before squashing": { en: "before it: the sums", ko: "활성화 함수 앞(합)" },
  "show scale": { en: "One scale", ko: "색 눈금" },
  "scale a layer": { en: "a layer", ko: "층마다" },
  "scale a map": { en: "a map", ko: "맵마다" },
  negative: { en: "negative", ko: "음수" },
  zero: { en: "0", ko: "0" },
  positive: { en: "positive", ko: "양수" },
  paper: { en: "digit: background", ko: "숫자: 배경" },
  ink: { en: "ink", ko: "획" },
  "name input": { en: "input", ko: "입력" },
  "name C1": { en: "C1", ko: "C1" },
  "name S2": { en: "S2", ko: "S2" },
  "name C3": { en: "C3", ko: "C3" },
  "name S4": { en: "S4", ko: "S4" },
  "name C5": { en: "C5", ko: "C5" },
  "name F6": { en: "F6", ko: "F6" },
  "name output": { en: "output", ko: "출력" },
  size: { en: "{0} × {1}×{2}", ko: "{0} × {1}×{2}" },
  "img maps": { en: "{0}: what the network sees", ko: "{0}: 신경망이 보는 것" },
  "application maps": {
    en: "{0}: {1} maps of {2} by {3}. Arrow keys go from unit to unit, Enter holds, Escape lets go.",
    ko: "{0}: {2}×{3} 맵 {1}개. 화살표 키로 유닛을 옮기고, Enter로 고정하고, Esc로 풉니다.",
  },
  "lenet5 input": {
    en: "The digit with a border of two pixels.",
    ko: "둘레에 두 픽셀씩 여백을 둔 숫자.",
  },
  "lenet5 C1": {
    en: "Slides six kernels of 5×5 over the digit, squashes.",
    ko: "5×5 커널 여섯 개를 숫자 위로 밀고 활성화 함수를 씁니다.",
  },
  "lenet5 S2": {
    en: "Adds four pixels, multiplies, adds a bias, squashes.",
    ko: "네 픽셀을 더하고 계수를 곱하고 편향을 더해 활성화 함수를 씁니다.",
  },
  "lenet5 C3": {
    en: "Each map slides kernels over 3, 4 or 6 maps of S2: its row of a table.",
    ko: "맵마다 S2의 맵 3, 4개 또는 6개를 씁니다. 어느 것인지는 연결표가 정합니다.",
  },
  "lenet5 S4": {
    en: "As S2: adds four, multiplies, squashes.",
    ko: "S2처럼 넷을 더하고 곱해 활성화 함수를 씁니다.",
  },
  "lenet5 C5": {
    en: "Kernels as large as the maps, over all 16.",
    ko: "맵과 같은 크기의 커널로 16개 맵을 모두 봅니다.",
  },
  "lenet5 F6": {
    en: "84 weighted sums of C5: a drawing of 7×12.",
    ko: "C5의 가중합 84개. 7×12 그림이 됩니다.",
  },
  "lenet5 output": {
    en: "Distance from F6 to each digit's code. The smallest wins.",
    ko: "F6에서 각 숫자의 코드까지의 거리. 가장 작은 것이 이깁니다.",
  },
  "lenet5_modern input": { en: "The digit without a border.", ko: "여백이 없는 숫자." },
  "lenet5_modern C1": {
    en: "Six kernels of 5×5, with zeros around the digit; swish.",
    ko: "둘레를 0으로 채우고 5×5 커널 여섯 개를 밉니다. swish.",
  },
  "lenet5_modern S2": {
    en: "Takes the largest of four pixels.",
    ko: "네 픽셀 중 가장 큰 값을 고릅니다.",
  },
  "lenet5_modern C3": {
    en: "Each map slides kernels over all six maps of S2; swish.",
    ko: "맵마다 S2의 맵 여섯 개를 모두 씁니다. swish.",
  },
  "lenet5_modern S4": {
    en: "Takes the largest of four.",
    ko: "넷 중 가장 큰 값을 고릅니다.",
  },
  "lenet5_modern C5": {
    en: "Weighted sums of all pixels of S4; swish.",
    ko: "S4의 모든 픽셀의 가중합. swish.",
  },
  "lenet5_modern F6": {
    en: "84 weighted sums of C5; swish. No drawing: it has no codes.",
    ko: "C5의 가중합 84개. swish. 코드가 없으므로 그림이 아닙니다.",
  },
  "lenet5_modern output": {
    en: "A weighted sum for each digit; softmax makes them probabilities.",
    ko: "숫자마다 가중합 하나. 소프트맥스가 확률로 바꿉니다.",
  },
  hover: {
    en: "Point at a pixel of a map, or go there with Tab and the arrow keys: what does it see?",
    ko: "맵의 한 픽셀을 가리키거나 Tab과 화살표 키로 옮겨 보세요. 무엇을 보고 있을까요?",
  },
  "all numbers": { en: "All its numbers ↓", ko: "모든 수 보기 ↓" },
  digit: { en: "digit", ko: "숫자" },
  "lenet5 cost": { en: "distance", ko: "거리" },
  "lenet5_modern cost": { en: "−log p", ko: "−log p" },
  probability: { en: "probability", ko: "확률" },
  rubbish: { en: "not a digit", ko: "숫자 아님" },
  sure: { en: "with {0}", ko: "확률 {0}" },
  "nothing drawn": { en: "nothing drawn yet", ko: "아직 아무것도 그리지 않았습니다" },
  reads: { en: "{0}: {1}.", ko: "{0}: {1}." },
  "no drawing": {
    en: "No codes: a softmax turns ten sums into probabilities, so it has to choose a digit.",
    ko: "코드가 없습니다. 소프트맥스가 합 열 개를 확률로 바꾸므로 반드시 한 숫자를 고릅니다.",
  },
  "F6 draws": { en: "F6 draws", ko: "F6의 그림" },
  code: { en: "code of {0}", ko: "{0}의 코드" },
  j: { en: "j, the distance of “not a digit”", ko: "j, ‘숫자 아님’의 거리" },
  "about j": {
    en: "If all ten distances are larger than j, “not a digit” wins. Move j to the left: the network refuses more.",
    ko: "열 거리가 모두 j보다 크면 ‘숫자 아님’이 이깁니다. j를 왼쪽으로 옮기면 더 많이 거부합니다.",
  },
  "map unit": { en: "{3}, map {0}, row {1}, column {2}", ko: "{3}, 맵 {0}, {1}행 {2}열" },
  "C5 unit": { en: "C5, unit {0}", ko: "C5, 유닛 {0}" },
  "F6 unit": {
    en: "F6, unit {0} (row {1}, column {2} of the picture)",
    ko: "F6, 유닛 {0}(그림의 {1}행 {2}열)",
  },
  "output unit": { en: "output of digit {0}", ko: "숫자 {0}의 출력" },
  "convolution told": {
    en: "{0} products and a bias add up to {1}; squashed, it is {2}.",
    ko: "곱 {0}개와 편향의 합은 {1}, 활성화 함수를 거치면 {2}.",
  },
  "subsampling told": {
    en: "four pixels, a coefficient and a bias make {1}; squashed, it is {2}.",
    ko: "네 픽셀의 합에 계수와 편향을 쓰면 {1}, 활성화 함수를 거치면 {2}.",
  },
  "maximum told": { en: "the largest of four is {2}.", ko: "넷 중 가장 큰 값은 {2}." },
  "distances told": {
    en: "{0} squared differences add up to the distance {2}.",
    ko: "차이의 제곱 {0}개를 더하면 거리 {2}.",
  },
  "softmax told": {
    en: "{0} products and a bias add up to {1}; the softmax makes it the probability {2}.",
    ko: "곱 {0}개와 편향의 합은 {1}, 소프트맥스를 거치면 확률 {2}.",
  },
  "no unit": {
    en: "No unit is chosen. Point at a pixel of any map above; a click holds it.",
    ko: "고른 유닛이 없습니다. 위의 맵에서 픽셀을 가리키세요. 클릭하면 고정됩니다.",
  },
  hold: { en: "Hold", ko: "고정" },
  "let go": { en: "Let go", ko: "풀기" },
  "receptive field": {
    en: "the frame: all that it sees, its receptive field",
    ko: "테두리 안: 이 유닛이 보는 전부, 곧 수용 영역",
  },
  takes: { en: "what it takes", ko: "받는 값" },
  kernel: { en: "kernel", ko: "커널" },
  products: { en: "products", ko: "곱" },
  sums: { en: "map: its sum (choose one)", ko: "맵: 합(하나를 고르세요)" },
  "F6 drew": { en: "F6 drew", ko: "F6의 그림" },
  "the code": { en: "the code", ko: "코드" },
  squared: { en: "squared difference", ko: "차이의 제곱" },
  "window of map": {
    en: "Map {0} of the layer before: the 25 products add up to {1}.",
    ko: "앞 층의 맵 {0}: 곱 25개의 합은 {1}.",
  },
  "four of map": { en: "Four pixels of map {0} of the layer before.", ko: "앞 층 맵 {0}의 네 픽셀." },
  "largest first": { en: "The largest first", ko: "큰 것부터" },
  product: { en: "product", ko: "곱" },
  others: { en: "{0} others", ko: "나머지 {0}개" },
  "sum of products": { en: "sum of {0} products", ko: "곱 {0}개의 합" },
  "sum of four": { en: "sum of the four", ko: "넷의 합" },
  coefficient: { en: "times the coefficient", ko: "곱하는 계수" },
  bias: { en: "plus the bias", ko: "더하는 편향" },
  sum: { en: "sum a", ko: "합 a" },
  scaledTanh: { en: "1.7159 tanh(⅔ a)", ko: "1.7159 tanh(⅔ a)" },
  swish: { en: "swish: a / (1 + e⁻ᵃ)", ko: "swish: a / (1 + e⁻ᵃ)" },
  "maximum result": { en: "the largest of the four", ko: "넷 중 가장 큰 값" },
  "distances result": { en: "distance: the sum of {0}", ko: "거리: {0}개의 합" },
  "softmax result": { en: "eᵃ / the sum of all ten eᵃ", ko: "eᵃ / 열 eᵃ의 합" },
  "map of C1": { en: "Map of C1", ko: "C1의 맵" },
  "choose map": { en: "map {0} and its kernel", ko: "맵 {0}과 그 커널" },
  "the digit": { en: "the digit: click or drag", ko: "숫자: 클릭하거나 끌어 보세요" },
  "window slides": {
    en: "The window over the digit. Arrow keys move it.",
    ko: "숫자 위의 창. 화살표 키로 옮깁니다.",
  },
  window: { en: "window", ko: "창" },
  "kernel to edit": { en: "kernel: change a weight", ko: "커널: 가중치를 바꿔 보세요" },
  "weight at": { en: "weight in row {0}, column {1}", ko: "{0}행 {1}열의 가중치" },
  "the map": { en: "the map so far", ko: "지금까지의 맵" },
  start: { en: "Start", ko: "처음" },
  "step back": { en: "Back", ko: "뒤로" },
  step: { en: "Step", ko: "앞으로" },
  end: { en: "End", ko: "끝" },
  play: { en: "Play", ko: "재생" },
  pause: { en: "Pause", ko: "멈춤" },
  speed: { en: "speed", ko: "속도" },
  "scaledTanh sum": {
    en: "Row {0}, column {1}: products {2} + bias {3} = {4}; 1.7159 tanh(⅔ × {4}) = {5}",
    ko: "{0}행 {1}열: 곱의 합 {2} + 편향 {3} = {4}, 1.7159 tanh(⅔ × {4}) = {5}",
  },
  "swish sum": {
    en: "Row {0}, column {1}: products {2} + bias {3} = {4}; swish({4}) = {5}",
    ko: "{0}행 {1}열: 곱의 합 {2} + 편향 {3} = {4}, swish({4}) = {5}",
  },
  "edit about": {
    en: "Take another kernel for this map. What does the map show now, and does the answer stay?",
    ko: "이 맵의 커널을 바꿔 보세요. 맵은 무엇을 보여 주고, 답은 그대로일까요?",
  },
  "kernel across": { en: "Edge across", ko: "가로 경계" },
  "kernel down": { en: "Edge down", ko: "세로 경계" },
  "kernel corner": { en: "Corner", ko: "모서리" },
  "kernel blur": { en: "Blur", ko: "흐리게" },
  "kernel unchanged": { en: "Unchanged", ko: "그대로" },
  "trained kernel": { en: "Trained kernel again", ko: "학습된 커널로 되돌리기" },
  "trained map": { en: "map of the trained kernel", ko: "학습된 커널의 맵" },
  outcome: {
    en: "With the trained kernel of map {0}, the answer was {1}. With this kernel it is {2}.",
    ko: "맵 {0}의 학습된 커널로는 답이 {1}였습니다. 이 커널로는 {2}입니다.",
  },
  told: { en: "{0} ({1})", ko: "{0}({1})" },
});
